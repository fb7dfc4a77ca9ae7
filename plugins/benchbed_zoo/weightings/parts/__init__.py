"""What strategies keep and compute in the same way."""
