"""A leaderboard as a table: its columns, each described once, for every format to write."""
