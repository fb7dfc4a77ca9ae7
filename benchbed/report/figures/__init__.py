"""Figures of leaderboards: methods over one or several protocols."""
