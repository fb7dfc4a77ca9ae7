"""Runs to log, without training: what observers see of a run, and its values."""

from dataclasses import dataclass, field

EPOCHS = [
    {"train/a/loss": 0.5, "validation/a/accuracy": 0.25, "lr": 0.1},
    {"train/a/loss": 0.1 + 0.2, "validation/a/accuracy": 1 / 3, "lr": 0.01, "auxiliary/a": 1e-7},
]
TEST = {"a/accuracy": 0.75}


@dataclass(frozen=True)
class Seen:
    """A run as observers see it."""

    seed: int = 0
    key: str = "0123456789abcdef0123456789abcdef"
    protocol_id: str = "mini@1"
    method: str = "hps:backbone=mlp+dwa:T=2"
    tasks: list[str] = field(default_factory=lambda: ["a"])
    epochs: int = 2

    @property
    def label(self) -> str:
        return f"{self.method} seed {self.seed}"


OTHER = Seen(seed=1, key="f" * 32)


def log(logger, *runs, epochs=EPOCHS, status="ok"):
    """Tell a logger of runs side by side, to their end."""
    for run in runs:
        logger.started(run)
    for number, values in enumerate(epochs, start=1):
        for run in runs:
            logger.epoch(run, number, {name: value + run.seed for name, value in values.items()})
    for run in runs:
        logger.finished(run, status, "", TEST if status == "ok" else {})
    logger.close()


def logged(run, name):
    """What a curve should be, by epoch."""
    return {
        number: values[name] + run.seed
        for number, values in enumerate(EPOCHS, start=1)
        if name in values
    }


CURVES = sorted({name for values in EPOCHS for name in values})
