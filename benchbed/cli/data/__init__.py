"""The commands of ``benchbed data``."""
