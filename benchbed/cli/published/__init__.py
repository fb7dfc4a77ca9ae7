"""The commands of ``benchbed published``."""
