import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed.engine.data import Split, batches_per_epoch

CPU = torch.device("cpu")
sizes = st.integers(1, 40)
quick = settings(max_examples=40, deadline=None)


def make_split(samples=10):
    """Inputs (i, −i), and targets that follow from i, under other names than the tasks'."""
    i = np.arange(samples, dtype=np.float32)
    columns = {"input": np.stack([i, -i], axis=1), "ten": 10 * i, "hundred": 100 * i, "more": i}
    return Split(columns, {"a": "ten", "b": "hundred"}, CPU)


def positions(batches):
    return [[int(value) for value in batch.input[:, 0]] for batch in batches]


def order_of(split, *, seed=0, epoch=0, size=4, drop_last=False):
    return positions(split.shuffled(size, seed, epoch, drop_last=drop_last))


def flat(batches):
    return [i for batch in batches for i in batch]


@quick
@given(samples=sizes, size=sizes, seed=st.integers(0, 2**40), epoch=st.integers(0, 500))
def test_an_epoch_visits_every_sample_once(samples, size, seed, epoch):
    batches = order_of(make_split(samples), seed=seed, epoch=epoch, size=size)
    assert sorted(flat(batches)) == list(range(samples))
    assert all(len(batch) == size for batch in batches[:-1])
    assert 1 <= len(batches[-1]) <= size


@quick
@given(samples=sizes, size=sizes)
def test_drop_last_leaves_out_just_the_incomplete_batch(samples, size):
    everything = order_of(make_split(samples), size=size)
    kept = order_of(make_split(samples), size=size, drop_last=True)
    assert kept == [batch for batch in everything if len(batch) == size]


@quick
@given(samples=sizes, size=sizes, drop_last=st.booleans())
def test_the_number_of_steps_is_the_number_of_batches(samples, size, drop_last):
    batches = order_of(make_split(samples), size=size, drop_last=drop_last)
    assert batches_per_epoch(samples, size, drop_last=drop_last) == len(batches)


def test_the_order_follows_from_seed_and_epoch_alone():
    split = make_split(30)
    first = order_of(split, seed=3, epoch=2)
    torch.manual_seed(99)
    np.random.seed(99)
    torch.rand(5)
    assert order_of(make_split(30), seed=3, epoch=2) == first
    assert order_of(split, seed=3, epoch=2) == first


def test_every_epoch_and_every_seed_has_an_order_of_its_own():
    split = make_split(30)
    orders = {tuple(flat(order_of(split, seed=s, epoch=e))) for s in range(5) for e in range(5)}
    assert len(orders) == 25


def test_drawing_an_order_leaves_the_global_generators_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    order_of(make_split(30))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_order_does_not_depend_on_the_batch_size():
    split = make_split(30)
    assert flat(order_of(split, size=4)) == flat(order_of(split, size=7))


@quick
@given(samples=sizes, size=sizes)
def test_evaluation_sees_all_samples_in_the_data_sets_order(samples, size):
    batches = positions(make_split(samples).in_order(size))
    assert flat(batches) == list(range(samples))


def test_each_task_gets_its_own_target_of_the_same_samples():
    for batch in make_split(11).shuffled(4, 0, 0, drop_last=False):
        x, targets = batch.input, batch.targets
        assert list(targets) == ["a", "b"]
        assert torch.equal(x[:, 1], -x[:, 0])
        assert torch.equal(targets["a"], 10 * x[:, 0])
        assert torch.equal(targets["b"], 100 * x[:, 0])


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8"])
def test_a_memory_map_serves_as_a_column_and_keeps_its_type(tmp_path, dtype):
    path = tmp_path / "input.npy"
    np.save(path, np.arange(12, dtype=dtype).reshape(6, 2))
    column = np.load(path, mmap_mode="r")
    split = Split({"input": column, "t": column[:, 0]}, {"t": "t"}, CPU)
    batch = split.batch(np.array([4, 0]))
    x, targets = batch.input, batch.targets
    assert x.dtype == targets["t"].dtype == getattr(torch, dtype)
    assert x.tolist() == [[8, 9], [0, 1]]
    x.fill_(1)  # a copy: the file cannot be written


def test_a_batch_is_a_copy_of_the_data():
    split = make_split(4)
    split.batch(np.arange(4)).input.fill_(7)
    assert split.batch(np.arange(4)).input[:, 0].tolist() == [0, 1, 2, 3]
