"""What the manifest says of weighting strategies, by the level at which they decide."""
