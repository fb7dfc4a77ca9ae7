"""From an entry point to a component, from a name to a method."""
