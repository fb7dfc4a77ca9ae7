"""What a leaderboard is written as: one format a file, each on top of the table."""
