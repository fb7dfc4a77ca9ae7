"""What the toy plugin says of itself; imports no torch, so that processes with it start quickly."""

from __future__ import annotations

from pathlib import Path

from benchbed import Option, Spec, hookimpl

PROTOCOL = """
name = "toy"
version = 1
epochs = 4
batch_size = 8
seeds = [0, 1]

[data]
dataset = "toy"

[tasks.a]
task = "toy"

[tasks.b]
task = "toy"

[optimizer]
name = "adam"
lr = 0.01

[selection]
rule = "last"
"""


@hookimpl
def benchbed_datasets():
    return [Spec("toy", "1.0", "tests.toy_data:ToyData")]


@hookimpl
def benchbed_tasks():
    return [Spec("toy", "1.0", "tests.toys:ToyTask")]


@hookimpl
def benchbed_architectures():
    width = {"width": Option(int, 8)}
    return [
        Spec("toy-net", "1.0", "tests.toys:ToyNet", options=width),
        Spec(
            "toy-single",
            "1.0",
            "tests.toys:ToyNet",
            options=width,
            traits=frozenset({"one-run-per-task"}),
        ),
    ]


@hookimpl
def benchbed_weightings():
    return [
        Spec("toy-average", "1.0", "tests.toys:ToyAverage", traits=frozenset({"jacobian"})),
        Spec("norm-balance", "1.0", "tests.toys:NormBalance", traits=frozenset({"gramian"})),
    ]


def write_protocol(folder: Path, text: str = PROTOCOL, **replacements: str) -> Path:
    """Write a protocol file whose baseline is ``toy-single``; keywords replace whole lines."""
    lines = ['delta_m = { baseline = "toy-single" }', *text.strip().splitlines()]
    for key, value in replacements.items():
        lines = [f"{key} = {value}" if line.startswith(f"{key} =") else line for line in lines]
    path = folder / "toy.toml"
    path.write_text("\n".join(lines))
    return path
