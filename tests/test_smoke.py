import json


def test_toy_run_end_to_end(bench):
    done = bench("run", "toy.toml", "toy-net", "toy-net+toy-average", "--no-measure")
    assert done.returncode == 0, done.stderr
    report = bench("report", "toy.toml", "--format", "json")
    rows = {row["method"]: row for row in json.loads(report.stdout)["rows"]}
    assert set(rows) == {"toy-single", "toy-net+equal", "toy-net+toy-average"}
    assert all(row["seeds"] == 2 and row["failed"] == 0 for row in rows.values())
