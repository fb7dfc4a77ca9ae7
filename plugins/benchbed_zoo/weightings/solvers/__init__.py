"""Exact solvers and projections that strategies share, in NumPy and float64.

Examples want ``import numpy as np``.
"""
