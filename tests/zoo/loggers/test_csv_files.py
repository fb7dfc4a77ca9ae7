"""What the CSV logger writes."""

import csv

import pandas as pd

from benchbed_zoo.loggers.csv_files import CsvFiles
from tests.zoo.loggers.runs import CURVES, EPOCHS, OTHER, Seen, log, logged


def lines(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def file_of(folder, run):
    return folder / "mini@1" / f"hps_backbone=mlp+dwa_T=2-seed-{run.seed}-{run.key[:8]}.csv"


def test_runs_side_by_side_have_a_file_each_with_the_very_floats(tmp_path):
    log(CsvFiles(tmp_path), Seen(), OTHER)
    for run in (Seen(), OTHER):
        frame = pd.read_csv(file_of(tmp_path, run))
        assert list(frame) == ["epoch", *EPOCHS[0], "auxiliary/a"]
        for name in CURVES:
            assert frame.set_index("epoch")[name].dropna().to_dict() == logged(run, name)


def test_a_curve_that_begins_later_is_empty_before_and_one_that_ends_after(tmp_path):
    logger = CsvFiles(tmp_path)
    logger.started(Seen())
    for number, values in enumerate([{"a": 1.5}, {"b": 2.5}, {"a": 3.5, "c, d": 4.5}], start=1):
        logger.epoch(Seen(), number, values)
    assert lines(file_of(tmp_path, Seen())) == [
        ["epoch", "a", "b", "c, d"],
        ["1", "1.5", "", ""],
        ["2", "", "2.5", ""],
        ["3", "3.5", "", "4.5"],
    ]


def test_an_epoch_is_on_disk_when_it_has_ended(tmp_path):
    logger = CsvFiles(tmp_path)
    logger.started(Seen())
    logger.epoch(Seen(), 1, EPOCHS[0])
    assert len(lines(file_of(tmp_path, Seen()))) == 2


def test_a_run_that_begins_again_replaces_its_file(tmp_path):
    logger = CsvFiles(tmp_path)
    log(logger, Seen(), epochs=[*EPOCHS, {"stray": 1.0}])
    log(logger, Seen())
    assert len(lines(file_of(tmp_path, Seen()))) == 1 + len(EPOCHS)
    assert "stray" not in lines(file_of(tmp_path, Seen()))[0]
