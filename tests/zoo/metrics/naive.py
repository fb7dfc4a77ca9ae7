"""Scores of contours in loops and dense arrays, pixel by pixel."""

import math
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment


def neighbours(mask, row, column):
    """x1 … x8 of the published rules: from the east, counter-clockwise."""
    steps = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]
    places = [(row + dy, column + dx) for dy, dx in steps]
    height, width = mask.shape
    return [0 <= y < height and 0 <= x < width and bool(mask[y, x]) for y, x in places]


def goes(x, odd):
    """Conditions G1, G2 and G3 or G3′ of Guo and Hall, of the pixel whose neighbours are x."""
    value = {i + 1: x[i] for i in range(8)} | {9: x[0]}
    crossings = sum(
        not value[2 * i - 1] and (value[2 * i] or value[2 * i + 1]) for i in range(1, 5)
    )
    first = sum(value[2 * k - 1] or value[2 * k] for k in range(1, 5))
    second = sum(value[2 * k] or value[2 * k + 1] for k in range(1, 5))
    if odd:
        third = not ((value[2] or value[3] or not value[8]) and value[1])
    else:
        third = not ((value[6] or value[7] or not value[4]) and value[5])
    return crossings == 1 and 2 <= min(first, second) <= 3 and third


def thin(mask):
    mask = mask.copy()
    while True:
        before = mask.copy()
        for odd in (True, False):
            gone = [(y, x) for y, x in np.argwhere(mask) if goes(neighbours(mask, y, x), odd)]
            for y, x in gone:
                mask[y, x] = False
        if (mask == before).all():
            return mask


def distances(predicted, contours):
    return np.linalg.norm(np.argwhere(predicted)[:, None] - np.argwhere(contours)[None], axis=-1)


def assign(between, radius):
    """Number and summed distance of the pairs of least cost, as correspondPixels defines it.

    A pixel that is left over costs 100 radii; here the predicted ones can be paired with an outlier
    each, and the annotated ones need none.
    """
    predicted, annotated = between.shape
    pairs = np.where(between**2 <= radius**2, between, 1e6)
    outliers = np.where(np.eye(predicted, dtype=bool), 200 * max(radius, 1), 1e6)
    rows, columns = linear_sum_assignment(np.hstack([pairs, outliers]))
    paired = columns < annotated
    return int(paired.sum()), float(between[rows[paired], columns[paired]].sum())


def precision_recall(found, annotated, right, predicted, empty="zero"):
    where_nothing = {"zero": 0.0, "one": 1.0}[empty]
    precision = right / predicted if predicted else where_nothing
    return precision, found / max(annotated, 1)


def f_measure(precision, recall):
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def average_precision(points):
    """From (precision, recall) in the order of increasing thresholds."""
    curve = {}
    for precision, recall in points:
        curve.setdefault(recall, precision)
    if len(curve) == 1:
        return 0.0
    total = 0.0
    ends = list(pairwise(sorted(curve.items())))
    for level in (i / 100 for i in range(101)):
        for (low, first), (high, last) in ends:
            if low <= level <= high:
                total += first + (last - first) * (level - low) / (high - low)
                break
    return total / 100


def scores(images, ties="highest", empty="zero"):
    """The scores from each image's counts, a list of (found, annotated, right, predicted)."""
    pooled = np.sum(images, axis=0) if images else np.zeros((1, 4))
    if not pooled[0][1]:
        return dict.fromkeys(("odsF", "oisF", "AP"), math.nan)
    points = [precision_recall(*counts, empty) for counts in pooled]
    best = np.zeros(4)
    for image in images:
        measures = [f_measure(*precision_recall(*counts, empty)) for counts in image]
        equally_good = [i for i, measure in enumerate(measures) if measure == max(measures)]
        best += image[equally_good[-1 if ties == "highest" else 0]]
    return {
        "odsF": max(f_measure(*point) for point in points),
        "oisF": f_measure(*precision_recall(*best, empty)),
        "AP": average_precision(points),
    }
