"""What the manifest says of data sets."""
