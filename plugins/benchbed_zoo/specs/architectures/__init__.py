"""What the manifest says of architectures, by what their tasks share."""
