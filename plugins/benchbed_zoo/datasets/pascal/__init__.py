"""The data sets on PASCAL images: Context, VOC with SBD, and PASCAL-S."""
