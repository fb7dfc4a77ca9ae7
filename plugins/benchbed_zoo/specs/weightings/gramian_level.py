"""The strategies at Gramian level that solve for their weights. Light on purpose."""

from benchbed.discovery.spec import Option, Spec

_GRAMIAN = frozenset({"gramian"})


def _heads(default: str) -> Option:
    return Option(
        str,
        default,
        "tasks' own parameters get their plain gradient (own), or that times the task's weight",
        choices=("own", "weighted"),
        added=True,
    )


SPECS = [
    Spec(
        id="mgda",
        version="1.0",
        target="benchbed_zoo.weightings.mgda:Mgda",
        summary="the shortest convex combination of the tasks' gradients",
        citation="J.-A. Désidéri: Multiple-gradient descent algorithm, C. R. Acad. Sci. 2012; "
        "O. Sener, V. Koltun, NeurIPS 2018",
        options={
            "normalisation": Option(
                str,
                "none",
                "what gradients are divided by to find the weights",
                choices=("none", "l2", "loss", "loss-l2"),
            ),
            "heads": _heads("own"),
        },
        traits=_GRAMIAN,
    ),
    Spec(
        id="pcgrad",
        version="1.0",
        target="benchbed_zoo.weightings.pcgrad:PcGrad",
        summary="each gradient loses what conflicts with the others'",
        citation="T. Yu et al.: Gradient Surgery for Multi-Task Learning, NeurIPS 2020, alg. 1",
        traits=_GRAMIAN,
    ),
    Spec(
        id="cagrad",
        version="1.0",
        target="benchbed_zoo.weightings.cagrad:CaGrad",
        summary="near the average gradient, best for the worst-off task (CAGrad)",
        citation="B. Liu, X. Liu, X. Jin, P. Stone, Q. Liu: Conflict-Averse Gradient Descent for "
        "Multi-task Learning, NeurIPS 2021, algorithm 1",
        options={
            "c": Option(
                float, 0.4, "radius of the ball, in ‖g_0‖; the paper's: below 1", minimum=0
            ),
            "rescale": Option(
                str,
                "square",
                "divide by 1 + c² (square), by 1 + c (linear) or not",
                choices=("none", "linear", "square"),
            ),
        },
        traits=_GRAMIAN,
    ),
    Spec(
        id="nash-mtl",
        version="1.0",
        target="benchbed_zoo.weightings.nash_mtl:NashMtl",
        summary="the Nash bargaining solution between the tasks (Nash-MTL)",
        citation="A. Navon et al.: Multi-Task Learning as a Bargaining Game, ICML 2022, "
        "algorithm 1",
        options={
            "update_every": Option(int, 1, "steps for which weights are kept", minimum=1),
            "max_norm": Option(float, 0.0, "largest length of the update, 0 for any", minimum=0),
            "clip": Option(
                str,
                "all",
                "max_norm shortens all weights, or those of the shared parameters alone, as in the "
                "authors' code",
                choices=("all", "shared"),
                added=True,
            ),
            "heads": _heads("weighted"),
        },
        traits=_GRAMIAN,
    ),
    Spec(
        id="fairgrad",
        version="1.0",
        target="benchbed_zoo.weightings.fairgrad:FairGrad",
        summary="the α-fair allocation of the update to the tasks (FairGrad)",
        citation="H. Ban, K. Ji: Fair Resource Allocation in Multi-Task Learning, ICML 2024, "
        "algorithm 1",
        options={
            "alpha": Option(
                float, 2.0, "the larger, the more the least gain counts", minimum=0.5, maximum=10
            )
        },
        traits=_GRAMIAN,
    ),
    Spec(
        id="imtl-g",
        version="1.0",
        target="benchbed_zoo.weightings.imtl_g:ImtlG",
        summary="equal projections on all tasks' gradients (IMTL-G)",
        citation="L. Liu et al.: Towards Impartial Multi-task Learning, ICLR 2021",
        options={"heads": _heads("own")},
        traits=_GRAMIAN,
    ),
    Spec(
        id="imtl",
        version="1.0",
        target="benchbed_zoo.weightings.imtl:Imtl",
        summary="learned scales of the losses, then equal projections (IMTL)",
        citation="L. Liu et al.: Towards Impartial Multi-task Learning, ICLR 2021, algorithm 1",
        options={"heads": _heads("own")},
        traits=_GRAMIAN,
    ),
    Spec(
        id="aligned-mtl",
        version="1.0",
        target="benchbed_zoo.weightings.aligned_mtl:AlignedMtl",
        summary="the gradients' principal components made equally long",
        citation="D. Senushkin, N. Patakin, A. Kuznetsov, A. Konushin: Independent Component "
        "Alignment for Multi-Task Learning, CVPR 2023, algorithm 1",
        options={
            "scale_mode": Option(
                str, "min", "which length components get", choices=("min", "median", "rmse")
            ),
            "reduction": Option(
                str, "sum", "add the aligned gradients or average them", choices=("sum", "mean")
            ),
            "heads": _heads("own"),
        },
        traits=_GRAMIAN,
    ),
    Spec(
        id="upgrad",
        version="1.0",
        target="benchbed_zoo.weightings.upgrad:UpGrad",
        summary="the average of gradients projected to conflict with none",
        citation="P. Quinton, V. Rey: Jacobian Descent for Multi-Objective Optimization, 2024",
        traits=_GRAMIAN,
    ),
    Spec(
        id="dualproj",
        version="1.0",
        target="benchbed_zoo.weightings.dualproj:DualProj",
        summary="the average gradient projected to conflict with none",
        citation="D. Lopez-Paz, M. Ranzato: Gradient Episodic Memory, NeurIPS 2017, eq. 11",
        traits=_GRAMIAN,
    ),
]
