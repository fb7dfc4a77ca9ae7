"""The commands of ``benchbed results``."""
