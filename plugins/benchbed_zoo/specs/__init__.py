"""What the manifest says of each component. Light on purpose: nothing named is imported."""
