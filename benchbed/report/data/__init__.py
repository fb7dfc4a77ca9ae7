"""Looking at a data set: samples with their targets, and what a split holds."""
