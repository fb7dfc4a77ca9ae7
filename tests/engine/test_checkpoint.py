import io
import pickle
import random
import zipfile

import msgspec
import pytest
import torch

from benchbed.basics.errors import StoreError
from benchbed.engine.checkpoint import checkpoint_identity, load_checkpoint, save_checkpoint
from tests.engine.helpers import METHODS, make_job, make_trainer, same

# torch announces a pickle protocol that it did not write, which only damaged files have
pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")

STATE = {
    "network": {"weight": torch.arange(12.0).reshape(3, 4), "count": torch.tensor(3)},
    "rng": {"numpy": [[1, 2, 3], 7, 0, 0.5], "python": (3, (1, 2), None)},
    "progress": {"epoch": 2, "curves": {"train/a/loss": [1.0, None]}, "best_state": None},
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoints" / "run.pt"


def test_what_was_saved_is_loaded_to_the_bit(path):
    save_checkpoint(path, "me", STATE)
    found = load_checkpoint(path, "me")
    assert same({key: found[key] for key in STATE}, STATE)


def test_saving_replaces_what_was_there_and_leaves_no_other_file(path):
    save_checkpoint(path, "me", STATE)
    save_checkpoint(path, "me", {"progress": 5})
    assert load_checkpoint(path, "me")["progress"] == 5
    assert list(path.parent.iterdir()) == [path]


def test_there_being_no_file_is_not_an_error(path):
    assert load_checkpoint(path, "me") is None


def test_a_folder_in_its_place_is_not_an_error(path):
    path.mkdir(parents=True)
    assert load_checkpoint(path, "me") is None


def test_another_runs_checkpoint_is_not_used(path):
    save_checkpoint(path, "another", STATE)
    assert load_checkpoint(path, "me") is None


def test_a_file_of_another_format_is_not_used(path):
    save_checkpoint(path, "me", STATE)
    path.write_bytes(path.read_bytes().replace(b"benchbed.checkpoint/2", b"benchbed.checkpoint/1"))
    assert load_checkpoint(path, "me") is None


def test_a_file_cut_short_anywhere_is_not_used(path):
    save_checkpoint(path, "me", STATE)
    content = path.read_bytes()
    for length in [0, 1, 2, 3, 4, *range(5, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        assert load_checkpoint(path, "me") is None, length


def test_a_file_with_a_bit_flipped_is_not_used_or_still_holds_what_was_saved(path):
    save_checkpoint(path, "me", STATE)
    content = path.read_bytes()
    generator = random.Random(0)
    for _ in range(300):
        damaged = bytearray(content)
        position = generator.randrange(len(content))
        damaged[position] ^= 1 << generator.randrange(8)
        path.write_bytes(damaged)
        found = load_checkpoint(path, "me")
        assert found is None or same({key: found.get(key) for key in STATE}, STATE), position


def test_a_flipped_bit_in_the_weights_is_noticed(path):
    weight = torch.full((64,), 1.2345)
    save_checkpoint(path, "me", {"network": weight})
    content = bytearray(path.read_bytes())
    start = content.index(weight.numpy().tobytes())
    content[start + 100] ^= 1
    path.write_bytes(content)
    assert load_checkpoint(path, "me") is None


def test_bytes_that_are_no_checkpoint_at_all_are_not_used(path):
    path.parent.mkdir()
    generator = random.Random(0)
    samples = [b".", b"\x80", b"\x80\x02.", b"hello", bytes(100)]
    for content in samples + [generator.randbytes(generator.randrange(60)) for _ in range(1000)]:
        path.write_bytes(content)
        assert load_checkpoint(path, "me") is None, content


def test_an_archive_whose_pickle_is_damaged_is_not_used(path):
    save_checkpoint(path, "me", STATE)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    generator = random.Random(0)
    (name,) = [name for name in parts if name.endswith("data.pkl")]
    for _ in range(500):
        damaged = bytearray(parts[name])
        damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for part, content in parts.items():
                archive.writestr(part, bytes(damaged) if part == name else content)
        path.write_bytes(buffer.getvalue())
        load_checkpoint(path, "me")  # raises nothing


class Evil:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


def write_plainly(save):
    def write(path, content):
        path.parent.mkdir()
        with path.open("wb") as file:
            save({"format": "benchbed.checkpoint/2", "identity": "me", **content}, file)

    return write


@pytest.mark.parametrize(
    "write",
    [
        lambda path, content: save_checkpoint(path, "me", content),
        write_plainly(torch.save),
        write_plainly(pickle.dump),
    ],
    ids=["save_checkpoint", "torch", "pickle"],
)
def test_code_in_a_checkpoint_is_not_run(path, tmp_path, write):
    target = tmp_path / "written-by-the-checkpoint"
    write(path, {"evil": Evil(target)})
    assert load_checkpoint(path, "me") is None
    assert not target.exists()


@pytest.mark.parametrize("method", METHODS)
def test_a_trainers_checkpoint_loads_as_tensors_and_plain_data_alone(
    path, toy_protocol, registry, monkeypatch, method
):
    job = make_job(toy_protocol, registry, method)
    make_trainer(job, path).run()
    asked = []
    load = torch.load

    def noting(*arguments, **options):
        asked.append(options.get("weights_only"))
        return load(*arguments, **options)

    monkeypatch.setattr(torch, "load", noting)
    state = load_checkpoint(path, checkpoint_identity(job))
    assert {"network", "strategy", "optimizer", "rng", "progress"} <= set(state)
    assert asked == [True]


def test_saving_where_one_cannot_write_says_so(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError, match="choose a writable folder with --results"):
        save_checkpoint(blocked / "run.pt", "me", STATE)


def test_the_identity_is_the_runs_key_and_its_plugins_source(toy_protocol, registry):
    job = make_job(toy_protocol, registry)
    assert checkpoint_identity(job) == checkpoint_identity(make_job(toy_protocol, registry))
    edited = msgspec.structs.replace(job.architecture, source="edited")
    others = [
        make_job(toy_protocol, registry, seed=1),
        make_job(toy_protocol, registry, "toy-net+dwa"),
        msgspec.structs.replace(job, architecture=edited),
    ]
    assert len({checkpoint_identity(other) for other in [job, *others]}) == 4


def test_the_identity_does_not_depend_on_where_and_how_the_run_is_made(toy_protocol, registry):
    job = make_job(toy_protocol, registry)
    moved = msgspec.structs.replace(job, results="/elsewhere", threads=4, commit="abc")
    assert checkpoint_identity(moved) == checkpoint_identity(job)
