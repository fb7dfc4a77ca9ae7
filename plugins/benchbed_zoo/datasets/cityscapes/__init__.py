"""Cityscapes, in its own layout and in MTAN's."""
