"""What the tests of ``benchbed inspect`` share."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import msgspec
import numpy as np

from benchbed import Task
from benchbed.contracts.protocol import parse_protocol
from benchbed.discovery.registry import discover
from benchbed.records.record import run_key, seal
from benchbed.report.inspect.records import read_record
from benchbed.report.inspect.request import Request
from tests import toys
from tests.conftest import ROOT

DIGITS = (ROOT / "plugins/benchbed_zoo/protocols/digits-1.toml").read_text()
SINGLE = ("single-task/digit", "single-task/parity")
SHORT = parse_protocol(DIGITS.replace("epochs = 20", "epochs = 3"), "short")


def everything():
    """The first-party plugins and the toy plugin."""
    found = discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)
    found.add_plugin(toys, "toys", "toys", "1.0")
    return found


def short_protocol(trained) -> str:
    """The file of the protocol of the digits records."""
    return str(trained["hps/mgda"].parents[6] / "short.toml")


def pixels(path: Path) -> np.ndarray:
    return matplotlib.image.imread(path)


def is_drawn(path: Path) -> bool:
    """Tell whether a file is an image with something on it."""
    image = pixels(path)
    return image.ndim == 3 and min(image.shape[:2]) > 100 and float(image.std()) > 0.01


class Dense(Task):
    """A task of any target, for drawing."""

    kind = "regression"
    primary = "none"
    channels = 1

    def loss(self, output, target):
        raise NotImplementedError

    def metrics(self):
        raise NotImplementedError


def rewritten(path: Path, **changes) -> Path:
    """Write a record with other components or data under the run key that these give."""
    record = msgspec.structs.replace(read_record(path), **changes)
    key = run_key(
        record.protocol_digest,
        record.components,
        record.data_digest,
        record.seed,
        record.tasks,
        record.engine,
        record.pretrained,
    )
    target = path.with_name(f"{key}.json")
    target.write_bytes(msgspec.json.encode(seal(msgspec.structs.replace(record, key=key))))
    path.with_suffix(".safetensors").rename(target.with_suffix(".safetensors"))
    return target


def requests_for(paths, trained, folder: Path, protocol: str = "short.toml") -> list[Request]:
    file = str(trained["hps/mgda"].parents[6] / protocol)
    return [Request(path, folder, samples=2, protocol=file) for path in paths]
