"""The columns of a leaderboard, each described by one entry, by what they tell."""
