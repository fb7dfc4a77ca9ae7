"""The Python API: what the command line does, as functions."""

from benchbed.api.functions import Seeds, leaderboard, run
from benchbed.api.request import Request, requests
from benchbed.execution.run import execute_plan

__all__ = ["Request", "Seeds", "execute_plan", "leaderboard", "requests", "run"]
