"""Printed numbers: what they say exactly, and what rounding leaves open."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbed.published.cells import Gap, Printed, TableError, parse_cell, parse_printed

decimals = st.decimals(-(10**6), 10**6, allow_nan=False, allow_infinity=False, places=3)


@pytest.mark.parametrize(
    ("text", "half"), [("7.04", "0.005"), ("70", "0.5"), ("0.610", "0.0005"), ("-0.02", "0.005")]
)
def test_half_a_unit_of_the_last_place_is_read_off_the_digits(text, half):
    printed = parse_printed(text)
    assert str(printed) == text
    assert printed.half == Fraction(half)
    assert printed.bounds == (Fraction(text) - Fraction(half), Fraction(text) + Fraction(half))


@given(decimals, st.integers(0, 3))
def test_what_is_rounded_lies_within_the_bounds_of_its_rounding(value, places):
    printed = Printed(value.quantize(Decimal(1).scaleb(-places)))
    assert printed.half == Fraction(1, 2 * 10**places)
    low, high = printed.bounds
    assert low <= Fraction(value) <= high


@given(decimals)
def test_negating_gives_the_same_digits(value):
    printed = Printed(value)
    assert printed.negated().exact == -printed.exact
    assert printed.negated().half == printed.half


@pytest.mark.parametrize("text", ["0", "0.00", "-0.0"])
def test_the_negative_of_zero_has_no_sign(text):
    assert str(parse_printed(text).negated()) == text.removeprefix("-")


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("70.3", "70.4", True),  # the intervals touch at 70.35
        ("70.3", "70.3", False),
        ("0.61", "0.610", False),
        ("71.2", "71.14", True),
        ("70.7", "70.69", False),
        ("65.70", "65.71", True),
        ("70", "70.5", False),
    ],
)
def test_two_values_differ_where_no_number_rounds_to_both(one, other, differ):
    first, second = parse_printed(one), parse_printed(other)
    assert first.differs_from(second) == second.differs_from(first) == differ


@pytest.mark.parametrize(
    ("text", "stripped"), [("65.70", "65.7"), ("0.610", "0.61"), ("68.00", "68"), ("100", "100")]
)
def test_padding_is_zeros_after_the_point_only(text, stripped):
    assert str(parse_printed(text).without_padding()) == stripped


@pytest.mark.parametrize(("text", "spread"), [("70.3±0.13", "0.13"), ("70.3 ± 0.13", "0.13")])
def test_a_spread_is_kept_and_does_not_widen_the_rounding(text, spread):
    printed = parse_printed(text)
    assert printed.spread == Decimal(spread)
    assert printed.half == Fraction(1, 20)
    assert str(printed) == "70.3 ± 0.13"


def test_the_three_kinds_of_empty_cells_are_told_apart():
    assert [parse_cell(t) for t in ("", "MISSING", "n.a.")] == [None, Gap.LOST, Gap.UNPRINTED]


def test_a_true_minus_sign_is_read():
    assert parse_printed("−1.22").number == Decimal("-1.22")


@pytest.mark.parametrize(
    "text",
    [
        "nan", "NaN", "inf", "-Infinity", "1e5", "1e999999999", "9" * 10, "0." + "1" * 10, "1,5",
        "1 000", "0x10", "1_000", "٣", "½", "7.", ".5", "--1", "=1+1", "70.3±", "70.3±x",
        "81.3 [27]",
    ],
)  # fmt: skip
def test_anything_else_is_no_number(text):
    with pytest.raises(TableError, match=r"is no number; write a plain decimal such as 7\.04"):
        parse_cell(text)


def test_a_long_text_is_cut_in_the_message():
    with pytest.raises(TableError) as error:
        parse_printed("x" * 5000)
    assert len(str(error.value)) < 300
