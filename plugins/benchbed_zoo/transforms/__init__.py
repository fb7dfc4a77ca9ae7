"""Batch transforms, one a file."""
