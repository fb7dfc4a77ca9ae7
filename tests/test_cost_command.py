"""``benchbed cost``: counts, and parameters relative to a method beside what papers print."""

import json
from types import SimpleNamespace

import pytest

from benchbed.cli import main
from benchbed.cli.cost_command import Ratio, _ratios, _verdicts
from benchbed.published.library import read_library
from benchbed.registry import discover


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(["cost", *arguments, "--protocol", "digits"])
        return (stop.value.code, *capsys.readouterr())

    return call


def test_counts_are_told_within_80_columns(run):
    status, out, _ = run("hps:backbone=mlp", "single-task:backbone=mlp")
    assert status == 0
    table = out[: out.index("MACs of one sample")]
    assert all(len(line) <= 80 for line in table.splitlines())
    assert "fp32 KB" in table
    assert "Operators that are not counted" not in table


def test_relative_counts_are_quotients_of_the_counts(run):
    status, out, _ = run("single-task", "hps", "--relative-to", "hps", "--json")
    assert status == 0
    found = json.loads(out)
    base = found["hps+equal"]["parameters"]["total"]
    for costs in found.values():
        ratio = costs["relative_to hps+equal"]
        assert ratio["ratio"] == costs["parameters"]["total"] / base
        assert ratio["printed"] is None  # no paper prints any for digits
    assert found["hps+equal"]["relative_to hps+equal"]["ratio"] == 1


def test_the_method_that_others_are_relative_to_is_counted_too(run):
    _, out, _ = run("single-task", "--relative-to", "hps")
    assert "hps+equal" in out
    assert "÷ hps+equal" in out


def test_an_unknown_method_is_refused(run):
    status, _, error = run("hps", "--relative-to", "hpx")
    assert status == 2
    assert "Did you mean 'hps'?" in error


COUNTS = {
    "single-task": 74_941_777,
    "mtan+equal": 44_229_073,
    "split:type=deep+equal": 50_807_761,
    "pad-net:type=ati+equal": 45_938_641,
    "ati-net+equal": 45_716_497,
    "cross-stitch+equal": 74_941_858,
}
"""Parameters on SegNet with 13, 1 and 3 outputs; tests/zoo/architectures has them to the last."""


def test_printed_ratios_stand_beside_what_the_counts_give():
    library = read_library(discover({"BENCHBED_PLUGINS": "zoo"}, strict=True))
    costs = {k: SimpleNamespace(parameters=SimpleNamespace(total=n)) for k, n in COUNTS.items()}
    jobs = [
        SimpleNamespace(
            method=k, architecture=SimpleNamespace(id=k.partition("+")[0].partition(":")[0])
        )
        for k in COUNTS
    ]
    ratios = _ratios(library, "nyuv2", jobs, jobs[1], costs)
    assert {name: (str(ratio.printed or ""), ratio.verdict) for name, ratio in ratios.items()} == {
        "single-task": ("1.69", "agrees"),
        "mtan+equal": ("1.00", "agrees"),
        "split:type=deep+equal": ("1.13", "differs"),
        "pad-net:type=ati+equal": ("1.03", "truncated"),
        "ati-net+equal": ("1.03", "agrees"),
        "cross-stitch+equal": ("", None),
    }
    assert list(_verdicts(ratios)) == [
        "split:type=deep+equal: ati-net-1 prints 1.13, and it is 1.1487.",
        "pad-net:type=ati+equal: ati-net-1 prints 1.03, cut off from 1.0387.",
    ]
    assert not _ratios(library, "digits", jobs, jobs[1], costs)["mtan+equal"].printed


def test_a_ratio_without_a_printed_one_is_plain():
    assert Ratio(2).plain() == {"ratio": 2.0, "printed": None, "table": None, "verdict": None}
