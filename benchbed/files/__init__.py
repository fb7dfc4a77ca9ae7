"""Data sets that lie in files: read once, checked, and kept as memory-mapped arrays.

A plugin extends :class:`FileDataset` with ``find`` (which samples there are, and their files) and
``read`` (one sample's arrays); checking, digest, cache and splits follow.
"""

from benchbed.files.codings import Coding, Colours, Directions, Labels, Values
from benchbed.files.dataset import FileDataset
from benchbed.files.samples import Sample

__all__ = ["Coding", "Colours", "Directions", "FileDataset", "Labels", "Sample", "Values"]
