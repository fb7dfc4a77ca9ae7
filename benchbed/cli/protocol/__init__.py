"""The commands of ``benchbed protocol``."""
