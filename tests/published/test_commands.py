"""``benchbed published`` and ``benchbed compare`` on the command line."""

from __future__ import annotations

import json

import pytest

from benchbed.cli import main
from benchbed.published.table import read_table
from tests.fakes import put, record
from tests.published.conftest import PAPER, TABLE

DIGITS = ("digit", "holes", "parity")


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run a command in this process on 80 columns: status, output, error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCHBED_PLUGINS", "zoo")
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(list(map(str, arguments)))
        return (stop.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def digits(tmp_path):
    """Made-up records of the protocol ``digits`` in the folder ``results``."""
    from benchbed.discovery.catalogue import find_protocol
    from benchbed.discovery.registry import discover
    from benchbed.records.record import MetricInfo
    from benchbed.records.store import Store

    protocol = find_protocol("digits", discover({"BENCHBED_PLUGINS": "zoo"}))
    info = {"accuracy": MetricInfo(higher_is_better=True, primary=True, percent=True)}
    store = Store(tmp_path / "results")

    def save(method: str, value: float, tasks=DIGITS):
        test = {task: {"accuracy": value} for task in tasks}
        metrics = dict.fromkeys(DIGITS, info)
        put(store, record(method, 0, test, protocol=protocol, tasks=tasks, metrics=metrics))

    for task in DIGITS:
        save("single-task", 0.8, (task,))
    save("hps+equal", 0.82)
    return store


def test_list_names_every_table_with_its_source(run):
    status, output, error = run("published", "list")
    assert (status, error) == (0, "")
    assert "  astmt-4b          3 rows  FSV\n" in output
    assert "ICASSP 2022" in output
    rows = json.loads(run("published", "list", "--json")[1])
    assert len(rows) == 27
    assert {"table", "number", "rows", "caption", "source", "compares"} == set(rows[0])


def test_show_turns_the_sign_and_says_so(run):
    status, output, error = run("published", "show", "astmt-4b")
    assert (status, error) == (0, "")
    assert "-7.04" in output
    assert "positive is better" in output
    assert "prints the opposite" in output
    assert "claimed" in output


def test_show_as_json_keeps_every_digit(run):
    shown = json.loads(run("published", "show", "astmt-5a", "--json")[1])
    assert shown["delta_m"] == {"definition": "primary", "positive_is": "better"}
    assert shown["columns"]["depth/rmse"]["better"] == "lower"
    assert shown["rows"][0]["cells"]["depth/rmse"] == "0.650"
    assert shown["rows"][1]["delta_m"] == "-5.50"
    assert shown["rows"][3]["delta_m"] == "MISSING"
    assert shown["rows"][1]["baseline"] == "single-task"


@pytest.mark.parametrize("columns", [30, 50, 80, 200])
@pytest.mark.parametrize("table", ["astmt-2", "astmt-3e", "astmt-6a", "ati-net-1", "urban-road-1"])
def test_no_number_and_no_name_is_cut_on_any_terminal(run, table, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    output = run("published", "show", table)[1]
    shown = json.loads(run("published", "show", table, "--json")[1])
    assert max(map(len, output.splitlines())) <= columns
    assert all(set(row["system"].split()) <= set(output.split()) for row in shown["rows"])
    words = output.split()
    for row in shown["rows"]:
        for text in row["cells"].values():
            assert {"MISSING": "lost"}.get(text, text) in words


def test_a_wide_table_is_turned_on_its_side(run):
    output = run("published", "show", "ati-net-1")[1]
    assert output.splitlines()[0].split() == [
        "system", "One", "Task", "MTAN", "Split", "PAD-Net", "ATI-Net"
    ]  # fmt: skip


def test_markup_in_names_and_notes_is_escaped_in_markdown(run, write, capsys):
    from benchbed.cli.published.show_table import _show

    text = TABLE.replace("multi-task", "<script>|[x](y)").replace("delta_m", "delta_m,note")
    text = text.replace(",0\n", ",0,\n").replace(",4.00\n", ",4.00,<img src=x>\n")
    _show(read_table(write(text)), "md", as_json=False)
    output = capsys.readouterr().out
    assert "<script" not in output
    assert "<img" not in output
    assert r"&lt;script&gt;\|\[x\](y)" in output


def test_rich_markup_is_shown_as_it_is(write, capsys, monkeypatch):
    from benchbed.cli.published.show_table import _show

    monkeypatch.setenv("COLUMNS", "80")
    _show(
        read_table(write(TABLE.replace("multi-task", "[bold]x[/bold]"))), "terminal", as_json=False
    )
    assert "[bold]x[/bold]" in capsys.readouterr().out


def test_audit_tells_everything_and_ends_well(run):
    status, output, error = run("published", "audit")
    assert (status, error) == (0, "")
    for word in (
        "10 within rounding", "3 impossible", "7 not computable", "70.3 ± 0.13", "71.14", "0.950",
        "measured 1.149: differs", "denied", "no printed row", "padding",
    ):  # fmt: skip
        assert word in output
    assert max(len(line) for line in output.split("58 rows")[0].splitlines()) <= 80


def test_audit_of_one_table_tells_of_that_table_alone(run):
    report = json.loads(run("published", "audit", "astmt-4b", "--json")[1])
    assert report["positive_is"] == "better"
    assert report["counts"] == {"impossible": 1, "within rounding": 1}
    (bad, _) = report["delta_m"]
    assert (bad["key"], bad["printed"], bad["verdict"]) == ("multi-task", -7.04, "impossible")
    assert bad["recomputed"] == pytest.approx(-12.663, abs=1e-3)
    assert bad["allowed"] == pytest.approx([-13.71, -11.63], abs=5e-3)
    assert report["outliers"] == report["costs"] == []
    assert {item["column"] for item in report["disagreements"]} == {"semseg/miou"}
    assert {claim["paper"] for claim in report["claims"]} == {"astmt"}


def test_an_unknown_table_is_one_sentence_with_the_nearest_name(run):
    for verb in ("show", "audit"):
        status, output, error = run("published", verb, "astmt-4c")
        assert (status, output) == (2, "")
        assert error.startswith("Error: There is no printed table 'astmt-4c'. Did you mean ")
        assert error.count("\n") == 1


def test_import_checks_a_table_and_writes_it_normalised(run, write, tmp_path):
    messy = "\ufeff" + TABLE.replace(",0.550", ' , "0.550"').replace("\n", "\r\n")
    path = write(messy.replace(' , "', ' ,"').replace("depth/rmse", " depth/rmse"))
    status, output, error = run("published", "import", path, "--output", "out")
    assert (status, error) == (0, "")
    assert "is fine: mine-1, 2 rows of A. Author" in output
    assert "agrees" in output
    written = tmp_path / "out" / "mine" / "1.csv"
    assert written.read_bytes() == TABLE.encode()
    assert read_table(written).rows == read_table(path).rows
    assert json.loads(run("published", "import", written, "--json")[1])["rows"] == 2


def test_normalising_twice_changes_nothing(run, installed, tmp_path):
    for table in installed.tables.values():
        status, _, error = run("published", "import", table.path, "--output", "one")
        assert (status, error) == (0, "")
        first = tmp_path / "one" / table.paper.id / table.path.name
        run("published", "import", first, "--output", "two")
        assert (tmp_path / "two" / table.paper.id / table.path.name).read_bytes() == (
            first.read_bytes()
        )
        assert read_table(first).rows == table.rows


@pytest.mark.parametrize(
    ("table", "paper", "words"),
    [
        (TABLE, PAPER.replace('"lower"', '"higher"'), "wrong direction: of 'rmse' lower is better"),
        (TABLE.replace(",single,", ",gone,"), PAPER, "has the missing baseline 'gone'"),
        (TABLE.replace("51.0", "nan"), PAPER, "'nan' is no number"),
        (
            TABLE + "third,another,single,52.0,0.600,8.00\n",
            PAPER.replace('"worse"', '"better"'),
            "every printed Δm contradicts its cells",
        ),
    ],
)
def test_import_refuses_a_wrong_table_in_one_sentence(run, write, table, paper, words):
    status, output, error = run("published", "import", write(table, paper), "--output", "out")
    assert (status, output) == (2, "")
    assert error.startswith("Error: ")
    assert words in error
    assert error.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_one_sentence(run, write, tmp_path):
    (tmp_path / "out").write_text("a file")
    status, _, error = run("published", "import", write(), "--output", "out")
    assert status == 2
    assert error.startswith("Error: Cannot write ")


@pytest.mark.parametrize("verb", [("compare",), ("published", "compare")])
def test_compare_lists_printed_rows_unranked_with_the_reasons(run, digits, verb):
    status, output, error = run(*verb, "astmt-4b", "digits")
    assert (status, error) == (0, "")
    assert "not comparable with ours, and not ranked (see --anyway)" in output
    assert "left open by the paper: seeds" in output
    assert "Do not read this" not in output
    assert max(map(len, output.splitlines())) <= 80


def test_compare_anyway_ranks_under_a_banner(run, digits):
    status, output, _ = run("compare", "astmt-4b", "digits", "--anyway")
    assert status == 0
    assert output.startswith("Do not read this as a ranking")
    rows = json.loads(run("compare", "astmt-4b", "digits", "--anyway", "--json")[1])["rows"]
    assert [row["rank"] for row in rows] == [1, 2, 3, None, None]


def test_compare_as_json_has_every_difference(run, digits):
    plain = json.loads(run("compare", "ati-net-1", "digits", "--delta-m", "flat", "--json")[1])
    assert plain["delta_m"] == {"definition": "flat", "positive_is": "better"}
    assert plain["banner"] == ""
    own, *_ = plain["rows"]
    assert (own["name"], own["rank"], own["tier"]) == ("hps+equal", 1, "reproduced")
    assert own["delta_m"] == pytest.approx(2.5)
    mtan = next(row for row in plain["rows"] if row["name"].startswith("MTAN"))
    assert (mtan["tier"], mtan["rank"], mtan["left_open"]) == ("claimed", None, ["seeds"])
    assert mtan["delta_m"] == pytest.approx(-6.030, abs=1e-3)  # by hand, mean of nine gains
    assert mtan["differs"]["epochs"] == {"theirs": 200, "ours": 20}
    assert mtan["differs"]["input"] == {"theirs": "288x384", "ours": "8x8"}


def test_compare_without_a_protocol_needs_one_on_the_same_data(run, digits):
    status, _, error = run("compare", "astmt-4b")
    assert status == 2
    assert error.startswith("Error: No installed protocol is on fsv, the data of astmt-4b; name")


def test_compare_without_records_says_how_to_get_them(run):
    status, _, error = run("compare", "astmt-4b", "digits")
    assert status == 2
    assert "benchbed run digits" in error


def test_listing_loads_no_numerical_library(monkeypatch):
    import subprocess
    import sys

    code = (
        "import sys\nfrom benchbed.cli import cli, guarded\n"
        "guarded(lambda: cli.main(['published', 'list'], standalone_mode=False))\n"
        "sys.exit(bool({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
