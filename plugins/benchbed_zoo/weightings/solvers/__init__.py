"""Exact solvers and projections that strategies share, in float64."""
