"""Speed, as ratios in one run. Run one with ``python -m benchmarks.trainer``."""
