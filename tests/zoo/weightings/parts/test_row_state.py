import io

import numpy as np
import pytest
import torch

from benchbed_zoo.weightings.parts.row_state import RowState, along_tasks, combined, products
from tests.zoo.weightings.checks import random
from tests.zoo.weightings.row_checks import rows_of


def add(held, given):
    held.add_(given)


def rows(count, value=1.0, **shapes):
    return {name: torch.full((count, *shape), value) for name, shape in shapes.items()}


def held(state, tasks, **shapes):
    """What is kept, without changing it."""
    return state.update(tasks, rows(len(tasks), 0.0, **shapes), add)


def test_what_is_kept_belongs_to_tasks_and_parameters_by_name():
    state = RowState("abc")
    state.update("abc", {"p": torch.tensor([1.0, 2.0, 4.0])}, add)
    state.update("ca", {"p": torch.tensor([10.0, 20.0]), "q": torch.ones(2, 3, 2)}, add)
    state.update("b", {"q": torch.full((1, 3, 2), 5.0)}, add)
    assert held(state, "abc", p=())["p"].tolist() == [21.0, 2.0, 14.0]
    assert held(state, "abc", q=(3, 2))["q"][:, 0, 0].tolist() == [1.0, 5.0, 1.0]


def test_a_parameter_that_is_away_for_some_steps_keeps_what_it_had():
    state = RowState("ab")
    state.update("ab", rows(2, p=(2,), q=(3,)), add)
    state.update("ab", rows(2, q=(3,)), add)
    found = held(state, "ab", p=(2,), q=(3,))
    assert found["p"].tolist() == [[1.0, 1.0]] * 2
    assert found["q"].tolist() == [[2.0] * 3] * 2


def test_a_parameter_of_another_shape_begins_anew():
    state = RowState("ab")
    state.update("ab", rows(2, p=(2,)), add)
    assert held(state, "ab", p=(4,))["p"].tolist() == [[0.0] * 4] * 2


def test_what_is_kept_takes_the_rows_precision():
    state = RowState("ab")
    state.update("ab", rows(2, p=(2,)), add)
    found = state.update("ab", {"p": torch.ones(2, 2, dtype=torch.float64)}, add)["p"]
    assert found.dtype == torch.float64
    assert found.tolist() == [[2.0, 2.0]] * 2


def test_the_rows_are_left_alone_and_share_no_memory():
    state, given = RowState("ab"), rows(2, p=(2,))
    state.update("ab", given, add)
    given["p"].fill_(9.0)
    assert held(state, "ab", p=(2,))["p"].tolist() == [[1.0, 1.0]] * 2


def test_steps_are_counted_by_task():
    state = RowState("abc")
    assert state.meet("abc").tolist() == [1, 1, 1]
    assert state.meet("ca").tolist() == [2, 2]
    assert state.meet("bc").tolist() == [2, 3]


def test_the_state_goes_through_a_checkpoint():
    state, other = RowState("abc"), RowState("abc")
    state.meet("ab")
    state.update("cb", {"p": torch.tensor([[1.0], [2.0]]), "q": torch.tensor([3.0, 4.0])}, add)
    file = io.BytesIO()
    torch.save(state.state(), file)
    file.seek(0)
    other.restore(torch.load(file, weights_only=True))
    assert other.meet("abc").tolist() == [2, 2, 1]
    found = held(other, "abc", p=(1,), q=())
    assert found["p"].flatten().tolist() == [0.0, 2.0, 1.0]
    assert found["q"].tolist() == [0.0, 4.0, 3.0]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_sums_over_parameters_are_those_of_whole_vectors(count):
    jacobian = random(count, columns=9)
    given = rows_of(jacobian)
    weights = np.linspace(-1.0, 2.0, count)
    found = combined(given, weights)
    flat = torch.cat([found["net.weight"].flatten(), found["net.bias"]]).numpy()
    assert flat == pytest.approx(weights @ jacobian)
    assert products(given) == pytest.approx(jacobian @ jacobian.T)


@pytest.mark.parametrize("tasks", ["abc", "ca"])
def test_all_of_it_stays_on_the_rows_device(tasks):
    """The meta device stands for a GPU: mixing it with the CPU fails."""
    state = RowState("abc")
    given = {"p": torch.ones(len(tasks), 2, 3, device="meta")}
    factors = np.ones(len(tasks))
    found = state.update(tasks, given, lambda held, g: held.lerp_(g, along_tasks(factors, g)))
    assert found["p"].device.type == combined(found, factors)["p"].device.type == "meta"


def test_one_number_a_task_multiplies_its_row():
    block = torch.ones(2, 3, 4)
    assert (along_tasks(np.array([2.0, 3.0]), block) * block)[:, 1, 1].tolist() == [2.0, 3.0]
    assert (along_tasks(np.array([2.0, 3.0]), block[:, 0, 0]) * block[:, 0, 0]).tolist() == [2, 3]
