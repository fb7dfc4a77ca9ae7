"""Strategies with T×d state or entry-wise rules, and over several batches. Light on purpose."""

from benchbed.discovery.spec import Option, Spec

_GRAMIAN = frozenset({"gramian"})
_JACOBIAN = frozenset({"jacobian"})

SPECS: list[Spec] = [
    Spec(
        id="config",
        version="1.0",
        target="benchbed_zoo.weightings.config:ConFig",
        summary="the direction at one angle to all gradients (ConFIG)",
        citation="Q. Liu, M. Chu, N. Thuerey: ConFIG: Towards Conflict-free Training of Physics "
        "Informed Neural Networks, ICLR 2025, eq. 2",
        options={
            "rcond": Option(
                float,
                1e-6,
                "relative size up to which eigenvalues count as 0",
                minimum=0,
                maximum=1,
            )
        },
        traits=_GRAMIAN,
    ),
    Spec(
        id="gradvac",
        version="1.0",
        target="benchbed_zoo.weightings.gradvac:GradVac",
        summary="gradients turned until their cosines are as usual (GradVac)",
        citation="Z. Wang, Y. Tsvetkov, O. Firat, Y. Cao: Gradient Vaccine, ICLR 2021",
        options={
            "beta": Option(float, 0.01, "share of a step in the targets", minimum=0, maximum=1)
        },
        traits=_GRAMIAN,
    ),
    Spec(
        id="gradnorm",
        version="1.0",
        target="benchbed_zoo.weightings.gradnorm:GradNorm",
        summary="weights learned so that gradient norms are alike (GradNorm)",
        citation="Z. Chen, V. Badrinarayanan, C.-Y. Lee, A. Rabinovich: GradNorm, ICML 2018, "
        "algorithm 1",
        options={
            "alpha": Option(float, 1.5, "how much more tasks that lag behind get", minimum=0),
            "lr": Option(float, 0.025, "learning rate of the weights", minimum=0),
        },
        traits=_GRAMIAN,
    ),
    Spec(
        id="pcd",
        version="1.0",
        target="benchbed_zoo.weightings.pcd:Pcd",
        summary="a primary task's gradient, bent just enough for the others",
        citation="D. Varam, M. I. AlHajri: Not All Objectives Are Born Equal: Priority-Constrained "
        "Descent for Hierarchical Multi-Objective Optimization, TMLR 2026, algorithm 1",
        options={
            "primary": Option(str, "first", "the primary task's name, or first"),
            "tau": Option(
                float, 0.02, "share of its own progress that each other gets", minimum=0, maximum=1
            ),
            "beta": Option(float, 0.999, "decay of the squared norms", minimum=0, maximum=0.999999),
            "eps": Option(float, 1e-8, "added to the squared norms", minimum=0),
        },
        traits=_GRAMIAN,
    ),
    Spec(
        id="krum",
        version="1.0",
        target="benchbed_zoo.weightings.krum:Krum",
        summary="the mean of the gradients nearest to their neighbours (Multi-Krum)",
        citation="P. Blanchard, E. M. El Mhamdi, R. Guerraoui, J. Stainer: Machine Learning with "
        "Adversaries, NeurIPS 2017",
        options={
            "n_byzantine": Option(int, 1, "gradients that are not to be trusted", minimum=0),
            "n_selected": Option(int, 1, "gradients in the mean", minimum=1),
        },
        traits=_GRAMIAN,
    ),
    Spec(
        id="cr-mogm",
        version="1.0",
        target="benchbed_zoo.weightings.cr_mogm:CrMogm",
        summary="another strategy's weights, smoothed over steps (CR-MOGM)",
        citation="S. Zhou et al.: On the Convergence of Stochastic Multi-Objective Gradient "
        "Manipulation and Beyond, NeurIPS 2022, algorithm 1",
        options={
            "base": Option(str, "mgda", "whose weights", choices=("mgda", "pcgrad", "cagrad")),
            "alpha": Option(float, 0.9, "share of the past", minimum=0, maximum=1),
            "sigma": Option(float, 0.0, "power of k by which 1 - alpha falls", minimum=0),
        },
        traits=_GRAMIAN,
    ),
    Spec(
        id="rgw",
        version="1.0",
        target="benchbed_zoo.weightings.rgw:RandomGradientWeighting",
        summary="random weights at each step, on gradients (RGW)",
        citation="B. Lin, F. Ye, Y. Zhang, I. Tsang: Reasonable Effectiveness of Random Weighting, "
        "TMLR 2022, algorithm 2",
        traits=_GRAMIAN,
    ),
    Spec(
        id="graddrop",
        version="1.0",
        target="benchbed_zoo.weightings.graddrop:GradDrop",
        summary="gradients of one sign at each entry, drawn by purity (GradDrop)",
        citation="Z. Chen et al.: Just Pick a Sign, NeurIPS 2020, algorithm 1",
        options={"leak": Option(float, 0.0, "share of what is dropped", minimum=0, maximum=1)},
        traits=_JACOBIAN,
    ),
    Spec(
        id="moco",
        version="1.0",
        target="benchbed_zoo.weightings.moco:MoCo",
        summary="MGDA by projected steps on gradients tracked over time (MoCo)",
        citation="H. Fernando et al.: Mitigating Gradient Bias in Multi-objective Learning, "
        "ICLR 2023, algorithm 1",
        options={
            "beta": Option(float, 0.5, "step size of the gradients", minimum=0, maximum=1),
            "beta_sigma": Option(float, 0.5, "power of k by which beta falls", minimum=0),
            "gamma": Option(float, 0.1, "step size of the weights", minimum=0),
            "gamma_sigma": Option(float, 0.5, "power of k by which gamma falls", minimum=0),
            "rho": Option(float, 0.0, "pull towards equal weights", minimum=0),
        },
        traits=_JACOBIAN,
    ),
    Spec(
        id="db-mtl",
        version="1.0",
        target="benchbed_zoo.weightings.db_mtl:DbMtl",
        summary="averaged gradients of log-losses, made equally long (DB-MTL)",
        citation="B. Lin et al.: Dual-Balancing for Multi-Task Learning, arXiv:2308.12029",
        options={
            "beta": Option(float, 0.9, "share of the past", minimum=0, maximum=0.999999),
            "sigma": Option(float, 0.0, "power of k by which beta falls", minimum=0),
        },
        traits=_JACOBIAN,
    ),
    Spec(
        id="excess-mtl",
        version="1.0",
        target="benchbed_zoo.weightings.excess_mtl:ExcessMtl",
        summary="weights that grow with relative excess risk (ExcessMTL)",
        citation="Y. He et al.: Robust Multi-Task Learning with Excess Risks, ICML 2024, eqs. 6, 7 "
        "and 9",
        options={
            "step_size": Option(float, 0.01, "step size of the weights", minimum=0),
            "warmup": Option(int, 1, "steps that the first excess risk is a mean of", minimum=1),
        },
        traits=_JACOBIAN,
    ),
    Spec(
        id="trimmed-mean",
        version="1.0",
        target="benchbed_zoo.weightings.trimmed_mean:TrimmedMean",
        summary="at each entry the mean without the extreme values",
        citation="D. Yin, Y. Chen, K. Ramchandran, P. Bartlett: Byzantine-Robust Distributed "
        "Learning, ICML 2018, definition 2",
        options={"trim": Option(int, 1, "values left out at each end", minimum=0)},
        traits=_JACOBIAN,
    ),
    Spec(
        id="modo",
        version="1.0",
        target="benchbed_zoo.weightings.modo:MoDo",
        summary="MGDA by projected steps, three batches an update (MoDo)",
        citation="L. Chen, H. Fernando, Y. Ying, T. Chen: Three-Way Trade-Off in Multi-Objective "
        "Learning, NeurIPS 2023, algorithm 1",
        options={
            "gamma": Option(float, 0.1, "step size of the weights", minimum=0),
            "rho": Option(float, 0.1, "pull towards equal weights", minimum=0),
        },
        traits=_GRAMIAN,
    ),
    Spec(
        id="sdmgrad",
        version="1.0",
        target="benchbed_zoo.weightings.sdmgrad:SdmGrad",
        summary="MGDA towards the mean gradient, three batches an update (SDMGrad)",
        citation="P. Xiao, H. Ban, K. Ji: Direction-oriented Multi-objective Learning, "
        "NeurIPS 2023, algorithm 1",
        options={
            "lamda": Option(float, 0.3, "pull towards the mean gradient", minimum=0),
            "lr": Option(float, 10.0, "step size of the weights", minimum=0),
            "momentum": Option(float, 0.5, "momentum of the weights", minimum=0, maximum=1),
            "steps": Option(int, 20, "steps of the weights an update", minimum=1, maximum=10000),
        },
        traits=_GRAMIAN,
    ),
]
