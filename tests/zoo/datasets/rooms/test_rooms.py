"""The data set of rooms: determinism, cache, options and what the CPU changes."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from benchbed.basics.errors import DataError, MethodError
from benchbed.discovery.registry import discover
from benchbed.files.columns import Directions, Scaled
from benchbed_zoo.datasets.rooms import build as rooms_build
from benchbed_zoo.datasets.rooms.dataset import CHANNELS, CLASSES, Rooms
from benchbed_zoo.datasets.rooms.render import render

SMALL = {"height": 16, "width": 20, "train": 3, "validation": 1, "test": 2}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """A cache that the tests of this module share."""
    folder = tmp_path_factory.getbasetemp() / "rooms-cache"
    monkeypatch.setenv("BENCHBED_CACHE", str(folder))
    return folder


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("BENCHBED_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rooms"


def entries(folder):
    return [path for path in folder.iterdir() if path.is_dir()] if folder.exists() else []


def everything(dataset, split):
    columns = dataset.load(split, None)
    return {key: column[np.arange(len(column))] for key, column in columns.items()}


def test_columns_are_the_rendered_scenes():
    dataset = Rooms(**SMALL, seed=5, people=0.5)
    for place, split in enumerate(dataset.splits):
        columns = everything(dataset, split)
        for index in range(SMALL[split]):
            scene = render(5, place, index, 16, 20, 0.5)
            for name in ("segmentation", "edges", "saliency", "human_parts"):
                np.testing.assert_array_equal(columns[name][index], scene[name])
            for name, steps in (("input", 255), ("albedo", 255), ("depth", 1000)):
                expected = scene[name].astype(np.float32) / np.float32(steps)
                np.testing.assert_array_equal(columns[name][index], expected)
            np.testing.assert_allclose(
                columns["normals"][index], scene["normals"] / 32767, atol=4e-5
            )


def test_a_scene_depends_neither_on_its_splits_size_nor_on_other_splits():
    one = everything(Rooms(**SMALL), "validation")
    other = everything(Rooms(**{**SMALL, "train": 1, "validation": 2, "test": 1}), "validation")
    for key, values in one.items():
        np.testing.assert_array_equal(values[0], other[key][0])


def test_no_scene_is_in_two_splits():
    dataset = Rooms(**SMALL)
    images = [image.tobytes() for s in dataset.splits for image in everything(dataset, s)["input"]]
    assert len(set(images)) == 6


def test_another_seed_gives_other_scenes():
    one, other = render(0, 0, 0, 16, 16, 0.5), render(1, 0, 0, 16, 16, 0.5)
    assert (one["input"] != other["input"]).mean() > 0.5


def test_normals_have_length_one_or_are_the_zero_vector_where_depth_is_zero():
    columns = everything(Rooms(**SMALL), "train")
    length = np.linalg.norm(columns["normals"], axis=1)
    np.testing.assert_allclose(length[columns["depth"] > 0], 1, atol=1e-6)
    assert (length[columns["depth"] == 0] == 0).all()
    assert (columns["depth"] == 0).any()


def test_the_digest_names_every_option_and_nothing_else():
    changed = [
        {},
        *({key: value + 1} for key, value in SMALL.items()),
        {"seed": 1},
        {"people": 1.0},
    ]
    digests = [Rooms(**{**SMALL, **change}).digest(None) for change in changed]
    assert len(set(digests)) == len(digests)
    assert Rooms(**SMALL).digest(None) == digests[0]


def test_scenes_are_rendered_once(monkeypatch):
    Rooms(**SMALL).prepare(None)
    monkeypatch.setattr(rooms_build, "build", lambda *a: pytest.fail("rendered again"))
    Rooms(**SMALL).prepare(None)
    Rooms(**SMALL).load("test", None)


def test_progress_is_told_scene_by_scene(empty):
    told = []
    Rooms(**SMALL, seed=9).prepare(None, lambda done, total: told.append((done, total)))
    assert told == [(done, 6) for done in range(1, 7)]
    (entry,) = entries(empty)
    assert sum(path.stat().st_size - 128 for path in entry.iterdir()) == rooms_build.volume(
        {"all": 6}, SMALL
    )


def test_an_interrupted_build_leaves_nothing_and_stops_its_processes(empty, monkeypatch):
    started = []
    start = rooms_build._start
    monkeypatch.setattr(rooms_build, "_start", lambda *a: started.append(start(*a)) or started[-1])

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Rooms(**SMALL, seed=8).prepare(None, interrupt)
    assert entries(empty) == []
    assert started
    assert all(process.poll() is not None for process in started)


def test_a_process_that_fails_is_told_and_leaves_nothing(empty, monkeypatch):
    start = rooms_build._start
    monkeypatch.setattr(
        rooms_build,
        "_start",
        lambda job, *a: start({**job, "options": {**job["options"], "seed": "no number"}}, *a),
    )
    with pytest.raises(DataError, match=r"data set 'rooms' failed: \w+Error: .+\.$"):
        Rooms(**SMALL, seed=8).prepare(None)
    assert entries(empty) == []


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCHBED_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="set BENCHBED_CACHE to a folder that can be written"):
        Rooms(**SMALL).prepare(None)


def test_a_damaged_cache_is_told(empty):
    dataset = Rooms(**{**SMALL, "train": 1, "test": 1})
    dataset.prepare(None)
    (entry,) = entries(empty)
    (entry / "train-depth.npy").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"train-depth\.npy.*delete"):
        dataset.load("train", None)


@pytest.mark.parametrize(
    "option",
    [{"height": 0}, {"width": 15}, {"train": 0}, {"test": -1}, {"people": 1.5}, {"seed": -1}],
)
def test_options_out_of_range_are_refused(option):
    (name,) = option
    with pytest.raises(MethodError, match=f"rooms: option '{name}' must be at least"):
        discover().get("dataset", "rooms").spec.resolve(option)


WITHOUT_SIMD = """
import json, sys
import numpy as np
from benchbed_zoo.datasets.rooms.render import render
np.savez(sys.argv[1], **render(0, 0, 0, 64, 64, 1.0))
print(json.dumps(np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])))
"""


def test_few_values_depend_on_the_simd_instructions_of_numpy(tmp_path):
    """Last bits of ``power`` do; after rounding, less than one value in a thousand."""
    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if not features:
        pytest.skip("NumPy finds no SIMD instructions here that it could do without.")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SIMD, str(tmp_path / "plain.npz")],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "NPY_DISABLE_CPU_FEATURES": " ".join(features),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == []
    plain, fast = np.load(tmp_path / "plain.npz"), render(0, 0, 0, 64, 64, 1.0)
    for name in CHANNELS:
        share = (plain[name] != fast[name]).mean()
        print(f"{name}: {share:.2g} of the values differ")
        assert share < 1e-3


def test_the_generator_is_the_version_that_it_says():
    """If this fails, scenes have changed: raise ``GENERATOR`` and put the new counts here."""
    scene = render(0, 2, 0, 32, 32, 1.0)
    found = np.bincount(scene["segmentation"].ravel(), minlength=len(CLASSES))
    expected = [96, 0, 0, 0, 166, 17, 347, 3, 0, 0, 0, 290, 105]
    np.testing.assert_allclose(found, expected, atol=2)
    assert scene["input"].mean() == pytest.approx(120.768, abs=0.05)
    assert scene["depth"].mean() == pytest.approx(2092.7, abs=5)


def test_scaled_columns_are_read_by_any_index():
    column = Scaled(np.arange(24, dtype=np.uint16).reshape(4, 2, 3) * 100, 1000)
    assert len(column) == 4
    read = column[np.array([3, 0, 3])]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read[0], np.float32([[1.8, 1.9, 2.0], [2.1, 2.2, 2.3]]))
    np.testing.assert_array_equal(column[3], read[2])
    np.testing.assert_array_equal(column[1:3], column[np.array([1, 2])])


def test_directions_have_length_one_or_zero_by_any_index():
    stored = np.random.default_rng(0).integers(-32767, 32767, (5, 3, 4, 6)).astype(np.int16)
    stored[2, :, 1, 1] = 0
    column = Directions(stored)
    assert len(column) == 5
    whole = column[np.arange(5)]
    assert whole.dtype == np.float32
    exact = stored / np.maximum(np.linalg.norm(stored, axis=1, keepdims=True), 1)
    np.testing.assert_allclose(whole, exact, atol=1e-6)
    assert (whole[2, :, 1, 1] == 0).all()
    np.testing.assert_array_equal(column[3], whole[3])
    np.testing.assert_array_equal(column[1:4:2], whole[1:4:2])
