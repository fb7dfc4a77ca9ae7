"""The data sets on NYU Depth v2 in their several editions."""
