"""What scoring contours by matching costs: 100 images of 480×640 on one core.

Target: at most 10 minutes with 99 thresholds.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from benchbed_zoo.metrics.edges import MatchedScore
from benchmarks.timing import save

IMAGES, HEIGHT, WIDTH = 100, 480, 640
MAX_DIST = {"PASCAL": 0.0075, "NYUD": 0.011}


def boundaries(labels: np.ndarray) -> np.ndarray:
    """Pixels whose right or lower neighbour has another label."""
    found = np.zeros(labels.shape, dtype=bool)
    found[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    found[:-1] |= labels[:-1] != labels[1:]
    return found


def regions(draw: np.random.Generator, number: int) -> np.ndarray:
    """A map of labels: ellipses drawn over one another."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    labels = np.zeros((HEIGHT, WIDTH), dtype=np.int64)
    for label in range(1, number + 1):
        angle = draw.uniform(0, np.pi)
        u, v = y - draw.uniform(0, HEIGHT), x - draw.uniform(0, WIDTH)
        along, across = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
        size = draw.uniform(20, 150, size=2)
        labels[(along / size[0]) ** 2 + (across / size[1]) ** 2 < 1] = label
    return labels


def warped(draw: np.random.Generator, contours: np.ndarray) -> np.ndarray:
    """The contours moved by some pixels, smoothly over the image, some of them faded."""
    rows, columns = np.nonzero(contours)
    fields = [gaussian_filter(draw.normal(size=contours.shape), 20) for _ in range(3)]
    dy, dx, strength = (field / field.std() for field in fields)
    moved = np.zeros(contours.shape)
    to = (
        np.clip(rows + np.rint(2 * dy[rows, columns]).astype(int), 0, HEIGHT - 1),
        np.clip(columns + np.rint(2 * dx[rows, columns]).astype(int), 0, WIDTH - 1),
    )
    moved[to] = 1 / (1 + np.exp(-strength[rows, columns]))
    return moved


def image(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A probability map and the contours, which it shows blurred among others and noise."""
    draw = np.random.default_rng(seed)
    contours = boundaries(regions(draw, 25))
    others = boundaries(regions(draw, 15))
    response = 4 * gaussian_filter(warped(draw, contours) + 0.8 * warped(draw, others), 1.5)
    noise = gaussian_filter(draw.normal(size=contours.shape), 2)
    noise *= 0.05 / noise.std()
    probability = np.clip(response + np.abs(noise), 0, 1).astype(np.float32)
    return torch.from_numpy(probability)[None, None], torch.from_numpy(contours.astype(np.uint8))[
        None
    ]


def score(max_dist: float) -> tuple[dict[str, object], list[tuple[float, int]]]:
    """The set's odsF, and each image's seconds and number of masks that differ."""
    metric = MatchedScore("odsF", 99, max_dist, ignore=255)
    taken: list[tuple[float, int]] = []
    annotated, predicted = [], []
    for seed in range(IMAGES):
        prediction, target = image(seed)
        masks = len(np.unique((prediction >= metric.thresholds.view(-1, 1, 1, 1)).sum((1, 2, 3))))
        before = metric.counts.clone()
        started = time.process_time()
        metric.update(prediction, target)
        taken.append((time.process_time() - started, masks))
        added = metric.counts - before
        annotated.append(int(added[1, 0]))
        predicted.append(int(added[3].double().mean()))
    return {
        "odsF": float(metric.compute()),
        "annotated_pixels_median": statistics.median(annotated),
        "thinned_pixels_a_threshold_median": statistics.median(predicted),
    }, taken


def main() -> None:
    torch.set_num_threads(1)
    found = {}
    for name, max_dist in MAX_DIST.items():
        scores, taken = score(max_dist)
        seconds, masks = zip(*taken, strict=True)
        found[name] = {
            **scores,
            "max_dist": max_dist,
            "cpu_s_all_images": sum(seconds),
            "cpu_s_an_image_median": statistics.median(seconds),
            "cpu_s_an_image_max": max(seconds),
            "thresholds_used_median": statistics.median(masks),
            "cpu_ms_a_threshold": 1000 * sum(seconds) / sum(masks),
        }
    save("edges", {"what": __doc__, "images": [IMAGES, HEIGHT, WIDTH], "scores": found})


if __name__ == "__main__":
    main()
