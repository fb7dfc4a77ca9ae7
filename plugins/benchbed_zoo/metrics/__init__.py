"""Metrics of tasks, as torchmetrics objects."""
