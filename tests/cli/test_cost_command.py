"""``benchbed cost``: counts, and parameters relative to a method beside what papers print."""

import json
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest

from benchbed.cli import main
from benchbed.cli.cost_command import Ratio, _printed, _ratio, _verdicts
from benchbed.discovery.catalogue import find_protocol
from benchbed.discovery.registry import discover
from benchbed.execution.jobs import method_jobs
from benchbed.published.cells import parse_cell
from benchbed.published.registered import read_library


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


@pytest.fixture(scope="module")
def zoo():
    return discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)


def ratios(registry, methods, base="mtan", library=None, **changes):
    """Return the ratios under nyuv2-mtan, with counts that are stated and not measured."""
    protocol = msgspec.structs.replace(find_protocol("nyuv2-mtan", registry), **changes)
    jobs = method_jobs(protocol, methods, registry)
    (reference,) = method_jobs(protocol, [base], registry)
    total = {job.method: COUNTS.get(job.method, 1) for job in [*jobs, reference]}
    costs = {k: SimpleNamespace(parameters=SimpleNamespace(total=n)) for k, n in total.items()}
    printed = _printed(library or read_library(registry), protocol, registry, reference)
    return {job.method: _ratio(job, reference, costs, printed) for job in jobs}


def test_printed_ratios_stand_beside_what_the_counts_give(zoo):
    found = ratios(zoo, list(COUNTS))
    assert {name: (str(ratio.printed or ""), ratio.verdict) for name, ratio in found.items()} == {
        "single-task": ("1.69", "agrees"),
        "mtan+equal": ("1.00", "agrees"),
        "split:type=deep+equal": ("1.13", "differs"),
        "pad-net:type=ati+equal": ("1.03", "truncated"),
        "ati-net+equal": ("1.03", "agrees"),
        "cross-stitch+equal": ("", None),
    }
    assert list(_verdicts(found)) == [
        "split:type=deep+equal: ati-net-1 prints 1.13, and it is 1.1487.",
        "pad-net:type=ati+equal: ati-net-1 prints 1.03, cut off from 1.0387.",
    ]


def printed(found):
    return {name: str(ratio.printed) for name, ratio in found.items() if ratio.printed}


def test_what_is_printed_holds_for_the_tables_methods_alone(zoo):
    others = ["split", "pad-net", "ati-net:variant=as-released", "mtan:backbone.width=0.5"]
    assert not printed(ratios(zoo, [*others, "single-task:backbone=resnet18"]))
    assert not printed(ratios(zoo, ["ati-net"], base="mtan:backbone.width=0.5"))
    assert not printed(ratios(zoo, ["ati-net"], base="single-task"))
    assert printed(ratios(zoo, ["ati-net+dwa"], base="mtan+dwa")) == {"ati-net+dwa": "1.03"}


def test_what_is_printed_holds_under_any_protocol_of_the_data_set(zoo):
    methods = ["mtan", "mtan:backbone=segnet", "split:backbone=segnet,type=deep"]
    found = ratios(zoo, methods, base="mtan:backbone=segnet", backbone="resnet18")
    assert printed(found) == {
        "mtan:backbone=segnet+equal": "1.00",
        "split:backbone=segnet,type=deep+equal": "1.13",
    }
    data = msgspec.structs.replace(find_protocol("nyuv2-mtan", zoo).data, dataset="rooms")
    assert not printed(ratios(zoo, ["mtan"], data=data))


def test_the_first_of_several_tables_counts_and_unknown_methods_are_passed_over(zoo):
    library = read_library(zoo)
    table = library.tables["ati-net-1"]
    (row,) = (row for row in table.rows if row.key == "ati-net")
    other = replace(row, cells=row.cells | {"parameters": parse_cell("9.9")})
    strange = replace(row, key="x", method="no-such-architecture")
    rows = (strange, other, *(r for r in table.rows if r is not row))
    for name in ("zz-1", "aa-1"):
        library.add(replace(table, id=name, rows=rows if name == "zz-1" else table.rows))
    found = ratios(zoo, ["ati-net"], library=library)["ati-net+equal"]
    assert (found.table, str(found.printed)) == ("aa-1", "1.03")


def test_a_ratio_without_a_printed_one_is_plain():
    assert Ratio(2).plain() == {"ratio": 2.0, "printed": None, "table": None, "verdict": None}
