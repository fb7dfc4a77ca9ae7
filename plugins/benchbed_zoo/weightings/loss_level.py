"""The strategies at loss level. Light on purpose."""

from benchbed.spec import Option, Spec

_LOSS = frozenset({"loss"})
_ADDITIVE = frozenset({"loss", "additive"})

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
        options={"task": Option(float, 1.0, "the task's weight", per_task=True)},
        traits=_ADDITIVE,
    ),
    Spec(
        id="uncertainty",
        version="1.0",
        target="benchbed_zoo.weightings.uncertainty:Uncertainty",
        summary="weights learned as homoscedastic uncertainty (UW)",
        citation="A. Kendall, Y. Gal, R. Cipolla: Multi-Task Learning Using Uncertainty to "
        "Weigh Losses, CVPR 2018, eqs. 7 and 10",
        options={"init": Option(float, 0.0, "log σ² at the start")},
        traits=_ADDITIVE,
    ),
    Spec(
        id="dwa",
        version="1.0",
        target="benchbed_zoo.weightings.dwa:DynamicWeightAverage",
        summary="weights from how fast each task's training loss falls",
        citation="S. Liu, E. Johns, A. Davison: End-to-End Multi-Task Learning with "
        "Attention, CVPR 2019, eq. 7",
        options={"T": Option(float, 2.0, "temperature")},
        traits=_ADDITIVE,
    ),
]
