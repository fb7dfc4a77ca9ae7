"""What several architectures are built of; none of it is an architecture of its own."""
