"""Weighting strategies, one a file."""
