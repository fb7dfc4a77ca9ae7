"""Indoor scenes that are ray-cast from a seed, with exact maps for all dense tasks."""
