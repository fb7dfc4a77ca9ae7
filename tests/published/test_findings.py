"""Disagreements and outliers: those known by hand, and no other."""

import pytest

from benchbed.published.findings import disagreements, outliers
from benchbed.published.table import read_table
from tests.published.conftest import PAPER, TABLE


def shown(found) -> dict[str, str]:
    return {
        str(item.quantity): " / ".join(f"{v} ({', '.join(p)})" for v, p in item.values)
        for item in found
    }


def test_the_disagreements_are_those_known_by_hand(library):
    assert shown(d for d in disagreements(library) if not d.padded) == {
        "scene/accuracy of mfm-cbam on tau-2020-mobile": (
            "70.3 ± 0.13 (amfm-icassp-1) / 70.4 (amfm-preprint-1)"
        ),
        "scene/accuracy of single-task on tau-2020-mobile": (
            "70.7 ± 0.08 (amfm-icassp-1) / 70.8 (amfm-icassp-2, amfm-preprint-1, amfm-icassp text)"
        ),
        "superclass/accuracy of single-task on tau-2020-mobile": (
            "91.4 (amfm-icassp-4, amfm-preprint-4) / 91.3 (amfm-preprint text)"
        ),
        "scene/accuracy of hu on tau-2020-mobile": (
            "76.9 (amfm-icassp-5) / 74.6 (amfm-preprint-5)"
        ),
        "normals/mean of sea (SE-ResNet-50) on pascal-mt": "14.68 (astmt-3e) / 14.80 (astmt-6a)",
        "semseg/miou of single-task (SE-ResNet-50) on fsv": "71.2 (astmt-4b) / 71.14 (astmt-5b)",
    }


def test_values_that_lost_a_digit_to_a_zero_stand_apart(library):
    assert shown(d for d in disagreements(library) if d.padded) == {
        "human_parts/miou of sea (SE-ResNet-50) on pascal-mt": (
            "61.12 (astmt-3e) / 61.10 (astmt-6a)"
        ),
        "saliency/max_miou of sea (SE-ResNet-50) on pascal-mt": (
            "65.71 (astmt-3e) / 65.70 (astmt-6a)"
        ),
        "semseg/miou of sea (SE-ResNet-50) on nyud-mt": (
            "32.16 (astmt-4a, astmt-5a) / 32.20 (astmt-6b)"
        ),
        "normals/mean of sea (SE-ResNet-50) on nyud-mt": (
            "23.18 (astmt-4a, astmt-5a) / 23.20 (astmt-6b)"
        ),
        "semseg/miou of sea (SE-ResNet-50) on fsv": (
            "70.7 (astmt-4b) / 70.69 (astmt-5b) / 70.70 (astmt-6c)"
        ),
    }


def test_only_disagreements_of_the_tables_asked_for_are_told(library):
    (found,) = disagreements(library, ["amfm-preprint-5"])
    assert found.quantity.key == "hu"
    assert disagreements(library, ["urban-road-1"]) == []


def test_the_one_outlier_is_the_depth_error_among_others_of_a_twentieth(library):
    found = [item for table in library.tables.values() for item in outliers(table)]
    assert [(o.table.id, o.column, o.row.key, str(o.value)) for o in found] == [
        ("urban-road-1", "depth/rmse", "gwgl", "0.950")
    ]
    assert found[0].median == pytest.approx(0.044, abs=0.001)


def table_of(write, errors: list[str]):
    lines = [f"row{i},row {i},50.0,{error}" for i, error in enumerate(errors)]
    return read_table(write("\n".join(["key,system,seg/miou,depth/rmse", *lines]) + "\n", PAPER))


@pytest.mark.parametrize(
    ("errors", "found"),
    [
        (["0.5", "0.51", "0.52", "0.53", "5.0"], ["5.0"]),
        (["0.5", "0.51", "0.52", "0.53", "0.05"], ["0.05"]),
        (["0.5", "0.5", "0.5", "0.5", "0.5"], []),
        (["0.5", "0.5", "0.5", "0.9", "0.5"], []),  # off, but by less than a factor of three
        (["0.1", "0.5", "2.5", "12.5", "60.0"], []),  # a wide column has no outlier
        (["0.5", "0.5", "5.0"], []),  # too few to tell
        (["0.5", "0.51", "0.52", "0.53", "0.0"], []),  # no ratio to zero
    ],
)
def test_an_outlier_is_far_off_by_ratio_and_by_the_spread(write, errors, found):
    assert [str(o.value) for o in outliers(table_of(write, errors))] == found


def test_a_disagreement_needs_the_same_net_data_and_metric(library, write):
    table = read_table(write(TABLE + "multi2,other,single,60.0,0.9,1.00\n"))
    library.add(table)
    assert disagreements(library, [table.id]) == []
