"""Strategies with T×d state or entry-wise rules, and over several batches. Light on purpose."""

from benchbed.spec import Spec

SPECS: list[Spec] = []
