"""What a data set says of its files, and what it loads of them."""

import numpy as np
import pytest

from benchbed.basics.errors import DataError


def problems_of(dataset, root):
    """Return what ``check`` tells, after the first of it was seen in the error of ``prepare``."""
    told = dataset.check(root)
    with pytest.raises(DataError) as caught:
        dataset.prepare(root)
    assert told[0] in str(caught.value)
    return told


def columns_of(dataset, split, root):
    """Return the columns of a split, all samples of each."""
    columns = dataset.load(split, root)
    return {name: column[np.arange(len(column))] for name, column in columns.items()}
