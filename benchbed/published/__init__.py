"""Printed tables of papers: reading, recomputing, auditing and comparing. See docs/published.md."""
