"""Figures of runs: samples with targets and predictions, training curves."""
