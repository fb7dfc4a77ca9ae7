"""What plugins extend, and the protocol that holds the rest equal."""
