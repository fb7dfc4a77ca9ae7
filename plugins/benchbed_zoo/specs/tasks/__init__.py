"""What the manifest says of tasks, by what they predict."""
