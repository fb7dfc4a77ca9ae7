"""One-to-one matching of predicted and annotated contour pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, hstack
from scipy.sparse.csgraph import maximum_flow, min_weight_full_bipartite_matching

from benchbed_zoo.metrics.thinning import Mask


class ContourMatcher:
    """Matches the pixels of predictions with those of one annotation, each with one at most.

    A pair can be matched where its Euclidean distance is at most the radius, and as many pairs as
    possible are (D. R. Martin, C. C. Fowlkes, J. Malik: Learning to Detect Natural Image
    Boundaries, PAMI 2004). ``correspondPixels`` of BSDS minimises the distances plus 100 radii for
    each pixel left over. That is as many pairs too, unless one more would lengthen the others by
    more than 100 radii in all, which no mask of 480×640 tried did; besides it rounds distances to
    hundredths and draws its outliers at random.
    """

    def __init__(self, contours: Mask, radius: float) -> None:
        """Find the places near each annotated pixel.

        Args:
            contours: the annotation, bool ``(H, W)``, thinned.
            radius: in pixels.
        """
        self.pixels = int(contours.sum())
        self._shape = contours.shape
        self._margin = margin = int(radius)
        dy, dx = np.mgrid[-margin : margin + 1, -margin : margin + 1]
        inside = dy**2 + dx**2 <= radius**2
        self._distances = np.hypot(dy[inside], dx[inside])
        rows, columns = np.nonzero(contours)
        width = contours.shape[1] + 2 * margin
        here = (rows + margin) * width + columns + margin
        self._near = here[:, None] + (dy * width + dx)[inside]

    def count(self, predicted: Mask) -> int:
        """Return how many pairs are matched.

        Args:
            predicted: bool ``(H, W)``, thinned.
        """
        candidates, known = self._candidates(predicted)
        if not known.any():
            return 0
        # Not maximum_bipartite_matching, which takes minutes for some masks of 480×640.
        graph = _flow_graph(candidates, known, int(predicted.sum()))
        return int(maximum_flow(graph, 0, graph.shape[0] - 1).flow_value)

    def matched(self, predicted: Mask) -> NDArray[np.bool_]:
        """Return which predicted pixels are matched if distances are as short as possible.

        Which pixels they are depends on the pairs chosen, other than their number. Of as many pairs
        as possible those with the least sum of distances are taken, as BSDS does; of several such
        choices SciPy's. Slower than :meth:`count`.

        Args:
            predicted: bool ``(H, W)``, thinned.

        Returns:
            ``(P,)``, the predicted pixels row by row.
        """
        candidates, known = self._candidates(predicted)
        found = np.zeros(int(predicted.sum()), dtype=bool)
        pixels, columns = np.unique(candidates[known], return_inverse=True)
        if pixels.size:
            distances = np.broadcast_to(self._distances, known.shape)[known]
            rows = np.cumsum(known.any(axis=1)) - 1
            rows = np.repeat(rows, known.sum(axis=1))
            found[pixels[_assign(csr_array((distances + 1, (columns, rows))))]] = True
        return found

    def _candidates(self, predicted: Mask) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the predicted pixels near each annotated one by number, and where there is one.

        Both are ``(A, P)``, for A annotated pixels and P places near one; −1 where there is none.
        """
        numbers = np.full(self._shape, -1, dtype=np.int32)
        numbers[predicted] = np.arange(predicted.sum(), dtype=np.int32)
        padded = np.pad(numbers, self._margin, constant_values=-1)
        candidates = padded.reshape(-1)[self._near]
        return candidates, candidates >= 0


def _flow_graph(
    candidates: NDArray[np.int32], known: NDArray[np.bool_], predicted: int
) -> csr_array:
    """Return unit capacities: from the source, 0, over annotated and predicted pixels to the sink.

    The largest flow is the largest matching (L. R. Ford, D. R. Fulkerson, 1956).

    Args:
        candidates: numbers of the predicted pixels near each annotated one, ``(A, P)``.
        known: where there is one, ``(A, P)``.
        predicted: how many there are in all.
    """
    annotated = len(known)
    sink = annotated + predicted + 1
    heads = np.concatenate(
        [
            np.arange(1, annotated + 1, dtype=np.int32),
            candidates[known] + np.int32(annotated + 1),
            np.full(predicted, sink, dtype=np.int32),
        ]
    )
    degrees = [[0, annotated], known.sum(axis=1), np.ones(predicted, dtype=np.int64), [0]]
    starts = np.cumsum(np.concatenate(degrees)).astype(np.int32)
    capacities = np.ones(len(heads), dtype=np.int32)
    return csr_array((capacities, heads, starts), shape=(sink + 1, sink + 1))


def _assign(costs: csr_array) -> NDArray[np.intp]:
    """Return the rows of as many pairs as possible that have the least sum of costs.

    Args:
        costs: above 0, where there is a pair.
    """
    turned = costs.shape[0] > costs.shape[1]
    costs = costs.T.tocsr() if turned else costs
    fewer, more = costs.shape
    alone = (fewer + 1) * costs.data.max()  # more than any number of pairs can save
    rows, columns = min_weight_full_bipartite_matching(
        hstack([costs, diags_array(np.full(fewer, alone))], format="csr")
    )
    paired = columns < more
    return columns[paired] if turned else rows[paired]
