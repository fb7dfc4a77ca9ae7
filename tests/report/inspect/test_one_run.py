"""What is drawn of one run, and what is said where it cannot be."""

from __future__ import annotations

import sys

import pytest

from benchbed.basics.errors import BenchbedError
from benchbed.report.inspect.one_run import inspect_record
from benchbed.report.inspect.request import Request
from tests.report.inspect.helpers import everything, is_drawn, short_protocol


def test_both_figures_of_a_trained_run_are_images(trained, tmp_path):
    path = trained["hps/mgda"]
    request = Request(path, output=tmp_path / "out", protocol=short_protocol(trained))
    done = inspect_record(request, everything())
    assert (done.note, done.exit_code) == ("", 0)
    assert done.curves == tmp_path / "out" / "curves.png"
    assert done.panels == tmp_path / "out" / "panels.png"
    assert is_drawn(done.curves)
    assert is_drawn(done.panels)


def test_figures_go_below_the_results_folder_by_default(trained, tmp_path):
    path = trained["hps/mgda"]
    done = inspect_record(Request(path, tmp_path, protocol=short_protocol(trained)), everything())
    assert done.panels == tmp_path / "inspect" / path.stem / "panels.png"


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (None, "digits@1 as installed has digest"),
        ("toy.toml", "toy.toml has digest"),
    ],
)
def test_a_protocol_of_another_digest_is_refused_with_the_curves_drawn(
    trained, tmp_path, protocol, message
):
    path = trained["hps/mgda"]
    given = str(path.parents[6] / protocol) if protocol else None
    done = inspect_record(Request(path, tmp_path, protocol=given), everything())
    assert done.exit_code == 2
    assert message in done.note
    assert "give the file of that one with --protocol FILE" in done.note
    assert done.panels is None
    assert is_drawn(done.curves)


def test_a_protocol_that_no_plugin_brings_must_be_given(trained, tmp_path):
    done = inspect_record(Request(trained["toy-net/equal"], tmp_path), everything())
    assert done.exit_code == 2
    assert "No installed plugin brings protocol toy@1" in done.note


def test_without_matplotlib_one_sentence_names_the_remedy(trained, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BenchbedError, match=r"pip install 'benchbed\[plots\]'") as caught:
        inspect_record(Request(trained["hps/mgda"], tmp_path), everything())
    assert caught.value.exit_code == 2


def test_pyplot_keeps_no_figure(trained, tmp_path):
    import matplotlib.pyplot

    request = Request(trained["hps/mgda"], tmp_path, protocol=short_protocol(trained))
    inspect_record(request, everything())
    assert matplotlib.pyplot.get_fignums() == []
