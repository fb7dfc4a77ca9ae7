"""Printed costs and claims in running text, against measured costs and printed rows."""

from dataclasses import replace
from fractions import Fraction

import pytest

from benchbed.published.cells import TableError, parse_printed
from benchbed.published.claims import read_claims
from benchbed.published.cost_checks import check_costs
from benchbed.published.costs import cost_verdict, read_measured
from benchbed.published.judgements import judge


def test_the_printed_parameter_ratios_are_judged_by_the_measured_ones(library):
    checks = check_costs(library, library.table("ati-net-1"))
    assert {c.row.key: (str(c.printed), f"{float(c.measured):.3f}", c.verdict) for c in checks} == {
        "single-task": ("1.69", "1.694", "agrees"),
        "mtan": ("1.00", "1.000", "agrees"),
        "split": ("1.13", "1.149", "differs"),
        "pad-net": ("1.03", "1.039", "truncated"),
        "ati-net": ("1.03", "1.034", "agrees"),
    }


def test_a_printed_count_is_judged_in_its_unit(library):
    (check,) = check_costs(library, library.table("amfm-icassp-5"))
    assert (check.measured, check.verdict) == (Fraction(624192, 10**6), "agrees")


@pytest.mark.parametrize(
    ("printed", "measured", "verdict"),
    [
        ("1.03", "1.034", "agrees"),
        ("1.03", "1.035", "agrees"),
        ("1.03", "1.0351", "truncated"),
        ("1.03", "1.0399", "truncated"),
        ("1.03", "1.04", "differs"),
        ("1.03", "1.0249", "differs"),
        ("8", "8.99", "truncated"),
    ],
)
def test_a_measured_value_rounds_to_is_cut_off_to_or_differs_from_the_printed(
    printed, measured, verdict
):
    assert cost_verdict(parse_printed(printed), Fraction(measured)) == verdict


def judged(library) -> list[tuple[str, str | None, str]]:
    found = [judge(library, claim) for claim in library.claims]
    return [
        (j.claim.id, None if j.found is None else f"{float(j.found):.2f}", j.verdict) for j in found
    ]


def test_every_claim_has_its_verdict(library):
    assert judged(library) == [
        ("astmt-parameters", "12.28", "agrees"),
        ("astmt-parameters", "12.75", "differs"),
        ("astmt-parameters", "13.09", "differs"),
        ("astmt-parameters", "13.83", "differs"),
        ("astmt-mobilenet-size", "6.58", "differs"),
        ("astmt-mobilenet-size", "6.55", "differs"),
        ("astmt-mobilenet-size", "8.81", "truncated"),
        ("astmt-mobilenet-size", "7.12", "differs"),
        ("astmt-mobilenet-size", "7.53", "agrees"),
        ("astmt-mobilenet-outperforms", "-0.97", "denied"),
        ("ati-net-parameters", "3.36", "truncated"),
        ("amfm-3class", "91.40", "differs"),
        ("amfm-single", "70.70", "differs"),
        ("gain-without-row", None, "not computable"),
    ]


def claim_of(library, name: str):
    return next(claim for claim in library.claims if claim.id == name)


@pytest.mark.parametrize(
    ("name", "changes", "verdict"),
    [
        ("amfm-3class", {"printed": parse_printed("91.4")}, "agrees"),
        ("amfm-3class", {"right": "scene/accuracy"}, "not computable"),
        ("astmt-mobilenet-outperforms", {"left": "astmt-4a/sea"}, "agrees"),
        ("astmt-mobilenet-outperforms", {"left": "astmt-7/single-task"}, "not computable"),
    ],
)
def test_a_verdict_changes_with_what_the_claim_says(library, name, changes, verdict):
    assert judge(library, replace(claim_of(library, name), **changes)).verdict == verdict


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("ati-net-parameters", {"left": "ati-net atinet"}, "Did you mean 'ati-net ati-net'"),
        ("ati-net-parameters", {"quantity": "width"}, "needs width of"),
        ("amfm-3class", {"left": "amfm-preprint-9/single-task"}, "no printed table"),
        ("amfm-3class", {"left": "astmt-5a/sea"}, "names 3 rows"),
        ("amfm-3class", {"left": "amfm-preprint-4/none"}, "names 0 rows"),
    ],
)
def test_a_claim_about_nothing_is_refused(library, name, changes, words):
    with pytest.raises(TableError, match=words):
        judge(library, replace(claim_of(library, name), **changes))


def test_a_row_among_several_is_named_with_its_backbone(library):
    _, row = library.row("astmt-5a/sea@SE-ResNet-101")
    assert str(row.delta_m) == "1.07"


HEAD = "id,text,printed,check,reading,tasks\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a,b,1,cel,,", "no check 'cel'. Did you mean 'cell'?"),
        ("a,b,,share,,", "needs the printed number"),
        ("a,b,x,share,,", "'x' is no number"),
        ("a,b,1,growth,,0", "'0' is no number of tasks"),
        ("a,b,1,growth,,²", "no number of tasks"),
        ("a,b,,none,,\na,c,,none,,", "'a' is there twice in one reading"),
    ],
)
def test_a_wrong_claim_is_refused_with_its_line(tmp_path, line, words):
    path = tmp_path / "text_claims.csv"
    path.write_text(HEAD + line + "\n")
    with pytest.raises(TableError) as error:
        read_claims(path)
    assert words in str(error.value)
    assert "line " in str(error.value)


@pytest.mark.parametrize("line", ["a,1.5", "a,-1", "a,1e9", "a,nan", ",5", "a,5\na,6"])
def test_wrong_measured_costs_are_refused_with_their_line(tmp_path, line):
    path = tmp_path / "measured_costs.csv"
    path.write_text(f"name,parameters\n{line}\n")
    with pytest.raises(TableError, match=r"line \d: .*mend it"):
        read_measured(path)
