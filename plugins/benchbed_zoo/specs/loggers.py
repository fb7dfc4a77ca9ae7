"""What the manifest says of loggers. Light: it imports none of them."""

from __future__ import annotations

from typing import Final

from benchbed.discovery.spec import Option, Spec

SPECS: Final[tuple[Spec, ...]] = (
    Spec(
        id="csv",
        version="1.0",
        target="benchbed_zoo.loggers.csv_files:CsvFiles",
        summary="a CSV file a run: a line an epoch, a column a curve",
    ),
    Spec(
        id="mlflow",
        version="1.0",
        target="benchbed_zoo.loggers.mlflow:MLflow",
        summary="MLflow, in a file of its own or where MLFLOW_TRACKING_URI says",
    ),
    Spec(
        id="tensorboard",
        version="1.0",
        target="benchbed_zoo.loggers.tensorboard:TensorBoard",
        summary="TensorBoard's event files, a folder a run",
    ),
    Spec(
        id="wandb",
        version="1.0",
        target="benchbed_zoo.loggers.wandb:WeightsAndBiases",
        summary="Weights & Biases, offline unless asked for",
        options={
            "mode": Option(str, "offline", "where to", choices=("offline", "online")),
            "project": Option(str, "benchbed", "of Weights & Biases"),
        },
    ),
)
