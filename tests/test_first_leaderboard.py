"""The main job as shipped: real training on real data. Run with ``-m slow``."""

import json

import pytest


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_first_leaderboard_has_every_method_and_every_task_is_learned(bench):
    done = bench("run", timeout=500)
    assert done.returncode == 0, done.stderr
    report = json.loads(bench("report", "digits", "--format", "json").stdout)
    rows = {row["method"]: row for row in report["rows"]}
    weightings = ("equal", "uncertainty", "dwa", "mgda", "pcgrad")
    assert set(rows) == {"single-task", *(f"hps+{name}" for name in weightings)}
    for row in rows.values():
        assert (row["seeds"], row["failed"], row["missing"]) == (3, 0, 0)
        assert row["step_ms"] > 0
        for scores in row["tasks"].values():
            assert scores["accuracy"]["mean"] > 0.95
    assert rows["single-task"]["delta_m"] is None
    assert all(abs(rows[f"hps+{name}"]["delta_m"]["mean"]) < 2 for name in weightings)
    again = bench("run")
    assert "24 cached, 0 to train" in again.stderr
