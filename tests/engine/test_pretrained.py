"""Weights of other files: names found by shapes, nothing but tensors, told what fitted."""

from __future__ import annotations

import pickle

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed.basics.errors import DataError
from benchbed.discovery.catalogue import find_protocol
from benchbed.engine.pretrained import load_pretrained
from benchbed.engine.session import build_session
from benchbed.engine.weight_files import read_weights
from benchbed.engine.weight_names import match
from tests import fakes


class Evil:
    """Runs code where it is unpickled."""

    def __init__(self, place):
        self.place = str(place)

    def __reduce__(self):
        return open, (self.place, "w")


@pytest.fixture
def session(registry, tmp_path):
    def call(file=None, method="hps:backbone=resnet18"):
        digits = find_protocol("digits", registry)
        return build_session(fakes.one_job(digits, method, registry, tmp_path, pretrained=file))

    return call


def renamed(tensors, change):
    return {change(name): value.clone() for name, value in tensors.items()}


def filled(session, value):
    """The network's tensors, each number of a floating type replaced."""
    return {
        name: torch.full(tensor.shape, value) if tensor.is_floating_point() else tensor.clone()
        for name, tensor in session.network.state_dict().items()
    }


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt"])
@pytest.mark.parametrize("inside", ["", "state_dict"])
def test_files_of_both_kinds_give_the_same(session, tmp_path, suffix, inside):
    if suffix == ".safetensors" and inside:
        return
    path = tmp_path / f"weights{suffix}"
    tensors = filled(session(), 0.25)
    if suffix == ".safetensors":
        safetensors.torch.save_file(tensors, path)
    else:
        torch.save({inside: tensors, "epoch": 3} if inside else tensors, path)
    built = session(path)
    (note,) = load_pretrained(built)
    assert note.startswith(f"Started from {len(tensors)} of {len(tensors)} tensors of a file")
    assert note.endswith("; 0 tensors of the network are not in it.")
    for name, value in built.network.state_dict().items():
        assert torch.equal(value, tensors[name])


@pytest.mark.parametrize("before", ["", "module.", "model.backbone."])
def test_a_backbones_own_names_are_found_in_the_network(session, tmp_path, before):
    """As of timm or torchvision, with or without what wrappers put before them."""
    empty = session()
    prefix = _backbone_prefix(empty)
    tensors = {
        before + name.removeprefix(prefix): value
        for name, value in filled(empty, 0.5).items()
        if name.startswith(prefix)
    }
    tensors[f"{before}fc.weight"] = torch.zeros(1000, 512)
    path = tmp_path / "resnet18.pth"
    torch.save(tensors, path)
    built = session(path)
    (note,) = load_pretrained(built)
    assert f"{len(tensors) - 1} of {len(tensors)} tensors" in note
    assert f", as '{prefix}'" in note
    assert (f", without '{before}'" in note) == bool(before)
    for name, value in built.network.state_dict().items():
        if name.startswith(prefix) and value.is_floating_point():
            assert bool((value == 0.5).all()), name


def _backbone_prefix(session) -> str:
    names = [n for n in session.network.state_dict() if n.endswith("layer1.0.conv1.weight")]
    (name,) = names
    return name.removesuffix("layer1.0.conv1.weight")


def test_every_copy_of_what_a_file_is_of_gets_it(session, tmp_path):
    """Cross-stitch networks hold a backbone a task."""
    own = {f"nets.{task}.{name}": torch.zeros(2, 3) for task in "ab" for name in ("c.w", "d.w")}
    own["heads.w"] = torch.zeros(5)
    found = match({"c.w": torch.ones(2, 3), "d.w": torch.ones(2, 3)}, own)
    assert found.prefixes == ("nets.a.", "nets.b.")
    assert (len(found.tensors), found.used) == (4, 2)


@settings(max_examples=100, deadline=None)
@given(
    own_prefix=st.lists(st.sampled_from(["net", "body", "x"]), max_size=3),
    file_prefix=st.lists(st.sampled_from(["module", "m"]), max_size=2),
    names=st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 9), st.sampled_from(["w", "b"])),
        min_size=3,
        max_size=12,
        unique=True,
    ),
)
def test_any_prefix_on_either_side_is_found(own_prefix, file_prefix, names):
    plain = [".".join(map(str, parts)) for parts in names]
    before, after = ("".join(f"{part}." for part in parts) for parts in (own_prefix, file_prefix))
    own = {before + name: torch.zeros(n + 1, 2) for n, name in enumerate(plain)}
    file = {after + name: torch.full((n + 1, 2), float(n)) for n, name in enumerate(plain)}
    found = match(file, own)
    assert found.used == len(plain)
    for n, name in enumerate(plain):
        assert torch.equal(found.tensors[before + name], torch.full((n + 1, 2), float(n)))


def test_what_fits_nowhere_is_told_with_what_is_expected(session, tmp_path):
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"x.weight": torch.zeros(3, 7)}, path)
    with pytest.raises(DataError) as caught:
        load_pretrained(session(path))
    text = str(caught.value)
    assert "none of its 1 tensor fits the network by name and shape" in text
    assert "It has x.weight (3, 7); expected is " in text
    assert "and " in text
    assert "more. Give weights of the same architecture and backbone." in text


def test_no_code_in_a_file_is_run(tmp_path):
    path = tmp_path / "evil.pth"
    with path.open("wb") as file:
        pickle.dump({"a.weight": Evil(tmp_path / "owned")}, file, protocol=2)
    with pytest.raises(DataError, match=r"evil.pth|holds more than tensors"):
        read_weights(path)
    torch.save({"state": Evil(tmp_path / "owned")}, tmp_path / "evil2.pth")
    with pytest.raises(DataError, match="holds more than tensors"):
        read_weights(tmp_path / "evil2.pth")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1, 2], "holds a list, and no tensors by name"),
        ({"epoch": 3, "loss": 0.5}, "holds no dictionary of tensors by name (it has epoch, loss)"),
        ({}, "holds no dictionary of tensors"),
        ({"a": torch.zeros(1), "b": 3}, "holds no dictionary of tensors"),
    ],
)
def test_a_file_of_something_else_is_a_sentence(tmp_path, content, words):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(DataError) as caught:
        read_weights(path)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "a.bin"])
def test_a_damaged_or_absent_file_is_a_sentence(tmp_path, name):
    with pytest.raises(DataError, match=f"Cannot read {name}"):
        read_weights(tmp_path / name)
    for content in (b"PK\x03\x04nothing", b"hello", b"", b"\x80\x02}q\x00.", bytes(range(256))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name}"):
            read_weights(tmp_path / name)


def test_a_file_beyond_all_measure_is_not_read(tmp_path):
    path = tmp_path / "huge.pth"
    with path.open("wb") as file:
        file.truncate(30 * 2**30)
    with pytest.raises(DataError, match="more than is read"):
        read_weights(path)
