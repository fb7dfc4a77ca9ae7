"""The strategies at loss level. Light on purpose."""

from benchbed.discovery.spec import Option, Spec

_LOSS = frozenset({"loss"})
_ADDITIVE = frozenset({"loss", "additive"})
_LARGE = 1e6  # far from where single precision overflows
_SMALL = 1e-6  # in place of 0, by which is divided
_PREFERENCE = Option(
    float, 1.0, "the task's preference", per_task=True, minimum=_SMALL, maximum=_LARGE
)

SPECS = [
    Spec(
        id="equal",
        version="1.0",
        target="benchbed_zoo.weightings.equal:Equal",
        summary="the plain sum of the losses",
        traits=_ADDITIVE,
    ),
    Spec(
        id="fixed",
        version="1.0",
        target="benchbed_zoo.weightings.fixed:Fixed",
        summary="a constant weight for each task: fixed:scene=5,superclass=1",
        options={
            "task": Option(
                float, 1.0, "the task's weight", per_task=True, minimum=0.0, maximum=_LARGE
            )
        },
        traits=_ADDITIVE,
    ),
    Spec(
        id="uncertainty",
        version="1.0",
        target="benchbed_zoo.weightings.uncertainty:Uncertainty",
        summary="weights learned as homoscedastic uncertainty (UW)",
        citation="A. Kendall, Y. Gal, R. Cipolla: Multi-Task Learning Using Uncertainty to "
        "Weigh Losses, CVPR 2018, eqs. 7 and 10",
        options={
            "init": Option(float, 0.0, "log σ² at the start", minimum=-80.0, maximum=100.0),
            "form": Option(
                str,
                "kendall",
                "kendall: L/σ² + log σ, L halved for regression; mtan: halved for all, as in the "
                "code of MTAN; liebel: halved for all, + log(1 + σ²), Liebel and Körner 2018",
                choices=("kendall", "liebel", "mtan"),
            ),
        },
        traits=_ADDITIVE,
    ),
    Spec(
        id="dwa",
        version="1.0",
        target="benchbed_zoo.weightings.dwa:DynamicWeightAverage",
        summary="weights from how fast each task's training loss falls",
        citation="S. Liu, E. Johns, A. Davison: End-to-End Multi-Task Learning with "
        "Attention, CVPR 2019, eq. 7",
        options={"T": Option(float, 2.0, "temperature", minimum=_SMALL)},
        traits=_ADDITIVE,
    ),
    Spec(
        id="random",
        version="1.0",
        target="benchbed_zoo.weightings.random_losses:RandomLosses",
        summary="random weights, drawn anew at each step (RLW)",
        citation="B. Lin, F. Ye, Y. Zhang, I. Tsang: Reasonable Effectiveness of Random "
        "Weighting, TMLR 2022, algorithm 2",
        options={
            "distribution": Option(
                str,
                "normal",
                "what weights are drawn from",
                choices=(
                    "normal",
                    "uniform",
                    "random-normal",
                    "dirichlet",
                    "bernoulli",
                    "constrained-bernoulli",
                ),
            ),
            "total": Option(str, "1", "what the weights sum to", choices=("1", "T")),
        },
        traits=_LOSS,
    ),
    Spec(
        id="gls",
        version="1.0",
        target="benchbed_zoo.weightings.gls:GeometricLoss",
        summary="the geometric mean of the losses (GLS)",
        citation="S. Chennupati, G. Sistu, S. Yogamani, S. Rawashdeh: MultiNet++, CVPR "
        "Workshops 2019",
        traits=_LOSS,
    ),
    Spec(
        id="scale-invariant",
        version="1.0",
        target="benchbed_zoo.weightings.scale_invariant:ScaleInvariant",
        summary="the sum of the losses' logarithms (SI)",
        citation="A. Navon et al.: Multi-Task Learning as a Bargaining Game, ICML 2022",
        traits=_ADDITIVE,
    ),
    Spec(
        id="imtl-l",
        version="1.0",
        target="benchbed_zoo.weightings.imtl_l:ImpartialLosses",
        summary="learned scales that bring all losses to one size (IMTL-L)",
        citation="L. Liu et al.: Towards Impartial Multi-task Learning, ICLR 2021",
        traits=_ADDITIVE,
    ),
    Spec(
        id="dtp",
        version="1.0",
        target="benchbed_zoo.weightings.dtp:DynamicTaskPrioritization",
        summary="the worse a task does, the more it weighs (DTP)",
        citation="M. Guo, A. Haque, D.-A. Huang, S. Yeung, L. Fei-Fei: Dynamic Task "
        "Prioritization for Multitask Learning, ECCV 2018",
        options={
            "gamma": Option(float, 1.0, "focusing parameter γ", minimum=0.0),
            "alpha": Option(
                float, 0.5, "share of the last epoch in the average", minimum=0.0, maximum=1.0
            ),
            "split": Option(
                str, "train", "whose losses tell how a task does", choices=("train", "validation")
            ),
            "relative": Option(bool, True, "losses relative to the first epoch's"),
        },
        traits=_ADDITIVE,
    ),
    Spec(
        id="stch",
        version="1.0",
        target="benchbed_zoo.weightings.stch:SmoothTchebycheff",
        summary="a smooth maximum of the tasks' relative losses (STCH)",
        citation="X. Lin et al.: Smooth Tchebycheff Scalarization for Multi-Objective "
        "Optimization, ICML 2024",
        options={
            "mu": Option(
                float, 1.0, "smoothness μ; towards 0 only the worst counts", minimum=_SMALL
            ),
            "warmup": Option(int, 4, "epochs before the one that gives the nadir", minimum=0),
            "task": Option(float, 0.0, "the task's nadir; 0: measured", per_task=True, minimum=0.0),
        },
        traits=_LOSS,
    ),
    Spec(
        id="famo",
        version="1.0",
        target="benchbed_zoo.weightings.famo:Famo",
        summary="weights that let all losses fall at one relative rate (FAMO)",
        citation="B. Liu, Y. Feng, P. Stone, Q. Liu: FAMO: Fast Adaptive Multitask "
        "Optimization, NeurIPS 2023, algorithm 1",
        options={
            "lr": Option(float, 0.025, "learning rate of the logits", minimum=0.0, maximum=_LARGE),
            "gamma": Option(
                float,
                0.01,
                "weight decay of the logits; the authors' scripts for NYUv2, CelebA and QM9: 0.001",
                minimum=0.0,
                maximum=_LARGE,
            ),
            "task": Option(float, 0.0, "the least value of the task's loss", per_task=True),
        },
        traits=_LOSS,
    ),
    Spec(
        id="cosmos",
        version="1.0",
        target="benchbed_zoo.weightings.cosmos:Cosmos",
        summary="a weighted sum less the losses' cosine with the preferences",
        citation="M. Ruchte, J. Grabocka: Scalable Pareto Front Approximation for Deep "
        "Multi-Objective Learning, ICDM 2021",
        options={
            "lamda": Option(float, 2.0, "factor λ of the cosine", minimum=0.0, maximum=_LARGE),
            "alpha": Option(
                float, 0.0, "draw preferences, Dirichlet of this parameter; 0: fixed", minimum=0.0
            ),
            "task": _PREFERENCE,
        },
        traits=_LOSS,
    ),
    Spec(
        id="pbi",
        version="1.0",
        target="benchbed_zoo.weightings.pbi:BoundaryIntersection",
        summary="losses along the preferences, and θ times off them (PBI)",
        citation="Q. Zhang, H. Li: MOEA/D, IEEE Transactions on Evolutionary Computation 11, "
        "2007, section II.C",
        options={
            "theta": Option(
                float, 5.0, "penalty θ of being off the ray", minimum=0.0, maximum=_LARGE
            ),
            "task": _PREFERENCE,
        },
        traits=_LOSS,
    ),
]
