"""Ranges in suites: written out in order, in braces or as tables."""

from __future__ import annotations

import pytest

from benchbed.basics.errors import ProtocolError
from benchbed.discovery.catalogue import find_suite
from benchbed.discovery.ranges import expanded


@pytest.mark.parametrize(
    ("entry", "methods"),
    [
        ("hps+dwa", ["hps+dwa"]),
        ("hps+dwa:T={1,2, 5}", ["hps+dwa:T=1", "hps+dwa:T=2", "hps+dwa:T=5"]),
        ("hps+{dwa,mgda}", ["hps+dwa", "hps+mgda"]),
        (
            "hps:backbone.width={1,2}+dwa:T={3,4}",
            [f"hps:backbone.width={w}+dwa:T={t}" for w in (1, 2) for t in (3, 4)],
        ),
        ({"method": "hps+dwa", "T": [1, 2.0, 5.5]}, [f"hps+dwa:T={t}" for t in ("1", "2", "5.5")]),
        ({"method": "hps+dwa:T=2", "x": True}, ["hps+dwa:T=2,x=true"]),
        ({"method": "hps:a=1+dwa", "T": 3}, ["hps:a=1+dwa:T=3"]),
        ({"method": "hps", "width": [1, 2]}, ["hps:width=1", "hps:width=2"]),
        ({"method": "hps"}, ["hps"]),
        (3, [3]),
    ],
)
def test_an_entry_is_written_out(entry, methods):
    assert expanded([entry], "s") == methods


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("hps+dwa:T={}", "a range without values"),
        ("hps+dwa:T={1,,2}", "a range without values"),
        ({"T": [1]}, "needs 'method'"),
        ({"method": "hps+dwa", "T": []}, "a range without values"),
        ("{0,1,2,3,4,5,6,7,8,9}" * 4, "stands for 10000 methods"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(entry, words):
    with pytest.raises(ProtocolError) as caught:
        expanded([entry], "sweep.toml")
    assert words in str(caught.value)
    assert str(caught.value).startswith("sweep.toml: ")


def test_a_suite_is_read_from_a_file(registry, tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(
        'name = "sweep"\nprotocols = ["digits"]\n'
        'methods = ["single-task", "hps+dwa:T={1,2}", {method = "hps+mgda", norm = ["none"]}]\n'
    )
    suite = find_suite(str(path), registry)
    assert suite.methods == ["single-task", "hps+dwa:T=1", "hps+dwa:T=2", "hps+mgda:norm=none"]
    assert find_suite("weightings", registry).name == "weightings"
