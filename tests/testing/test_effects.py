"""Global settings are noticed and put back."""

import os
import random
import sys
import warnings

import numpy as np
import pytest
import torch

from benchbed.testing.effects import WATCHED, changes, seeded, seeding

CHANGES = {
    "torch's default dtype": lambda: torch.set_default_dtype(torch.float64),
    "torch's default device": lambda: torch.set_default_device("meta"),
    "torch's grad mode": lambda: torch.set_grad_enabled(False),
    "torch's anomaly mode": lambda: torch.autograd.set_detect_anomaly(True),
    "torch's deterministic mode": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "torch's matmul precision": lambda: torch.set_float32_matmul_precision("medium"),
    "torch.backends.cudnn.benchmark": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "torch.backends.cudnn.deterministic": lambda: setattr(
        torch.backends.cudnn, "deterministic", True
    ),
    "torch's number of threads": lambda: torch.set_num_threads(2),
    "NumPy's error handling": lambda: np.seterr(divide="raise"),
    "os.environ": lambda: os.environ.update(LITTER="1"),
    "the working directory": lambda: os.chdir("/"),
    "sys.path": lambda: sys.path.append("litter"),
    "the warnings filters": lambda: warnings.simplefilter("ignore"),
}


@pytest.mark.parametrize("watched", WATCHED, ids=lambda watched: watched.name)
def test_a_changed_setting_is_named_and_put_back(watched):
    before = watched.read()
    (found,) = changes(CHANGES[watched.name])
    assert found.startswith(watched.name)
    assert watched.read() == before
    assert changes(lambda: None) == []


def test_settings_are_put_back_after_an_error():
    with pytest.raises(ZeroDivisionError):
        changes(lambda: torch.set_default_dtype(torch.float64) or 1 / 0)
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize(
    ("seed", "name"),
    [
        (lambda: torch.manual_seed(0), "torch's generator"),
        (lambda: np.random.seed(0), "NumPy's generator"),
        (lambda: random.seed(0), "Python's generator"),
    ],
)
def test_a_seeded_generator_is_named_and_drawing_is_not_seeding(seed, name):
    assert seeding(seed) == [name]
    assert seeding(lambda: (torch.rand(3), np.random.rand(), random.random())) == []


def test_generators_go_on_as_if_a_block_had_not_been():
    torch.manual_seed(3)
    random.seed(3)
    expected = torch.rand(2).tolist(), random.random()
    torch.manual_seed(3)
    random.seed(3)
    with seeded(7):
        torch.rand(5)
        random.random()
    assert (torch.rand(2).tolist(), random.random()) == expected
