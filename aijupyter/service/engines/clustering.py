"""Groups voice embeddings: agglomerative clustering with average linkage on the cosine distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aijupyter.service.engines.voices import unit

THRESHOLD = 0.33
"""Two groups whose mean cosine distance is below this are one voice. Measured: 0.10 to 0.30 within a voice, save for
strays; 0.33 to 0.42 between a man's and a woman's, recorded or synthetic. Voices more alike need their number given."""

LEAST_SECONDS = 3.0
LEAST_SHARE = 0.03
"""A group with less speech than both of these is a stray, and goes to the nearest real one."""

MOST_POINTS = 1500
"""Only the longest stretches are clustered (the cost grows with the square); the others go to the nearest centroid."""


@dataclass(frozen=True, slots=True)
class Merge:
    """One step of the dendrogram: the groups (by their first member) that became one, at a mean distance."""

    into: int
    gone: int
    distance: float


def dendrogram(vectors: NDArray[np.float32]) -> list[Merge]:
    """All merges of average linkage (UPGMA), nearest first, for unit vectors of shape (n, d)."""
    count = len(vectors)
    distances = (1.0 - vectors @ vectors.T).astype(np.float32)
    np.fill_diagonal(distances, np.inf)
    sizes = np.ones(count)
    merges: list[Merge] = []
    for _ in range(count - 1):
        first, second = sorted(divmod(int(np.argmin(distances)), count))
        merges.append(Merge(first, second, float(distances[first, second])))
        share = sizes[first] / (sizes[first] + sizes[second])
        mean = share * distances[first] + (1 - share) * distances[second]
        distances[first], distances[:, first] = mean, mean
        distances[second], distances[:, second] = np.inf, np.inf
        distances[first, first] = np.inf
        sizes[first] += sizes[second]
    return merges


def cut(merges: list[Merge], count: int, steps: int) -> NDArray[np.int64]:
    """The group of each of `count` points after the first `steps` merges, numbered from 0."""
    groups = np.arange(count)
    for merge in merges[:steps]:
        groups[groups == merge.gone] = merge.into
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def cluster(
    vectors: NDArray[np.float32], seconds: NDArray[np.float64], wanted: int = 0, threshold: float = THRESHOLD
) -> NDArray[np.float32]:
    """The voices' centroids, shape (k, d), from unit vectors of shape (n, d) and the speech behind each in seconds.

    `wanted` is the number of voices where it is known; 0 counts them by `threshold`. Strays are not voices.
    """
    if not len(vectors):
        return np.zeros((0, vectors.shape[1]), dtype=np.float32)
    longest = np.argsort(-seconds, kind="stable")[:MOST_POINTS]
    points, weights = vectors[longest], seconds[longest]
    merges = dendrogram(points)
    steps = _steps_for(merges, weights, wanted) if wanted > 0 else sum(m.distance < threshold for m in merges)
    groups = cut(merges, len(points), steps)
    voices = _voices(groups, weights, wanted)
    centroids = np.stack([_centroid(points, weights, groups == voice) for voice in voices])
    return _refined(points, weights, centroids)


def nearest(vectors: NDArray[np.float32], centroids: NDArray[np.float32]) -> NDArray[np.int64]:
    """The centroid that each vector is most like, by number."""
    return np.asarray(np.argmax(vectors @ centroids.T, axis=1), dtype=np.int64)


def _least(weights: NDArray[np.float64]) -> float:
    return min(LEAST_SECONDS, LEAST_SHARE * float(weights.sum()))


def _steps_for(merges: list[Merge], weights: NDArray[np.float64], wanted: int) -> int:
    """How many merges leave `wanted` groups, not counting strays; else how many leave `wanted` groups at all."""
    count = len(weights)
    flat = max(0, count - wanted)
    for steps in range(flat, max(-1, flat - 12), -1):
        speech = np.bincount(cut(merges, count, steps), weights)
        if int((speech >= _least(weights)).sum()) == wanted:
            return steps
    return flat


def _voices(groups: NDArray[np.int64], weights: NDArray[np.float64], wanted: int) -> list[int]:
    speech = np.bincount(groups, weights)
    ranked = [int(group) for group in np.argsort(-speech, kind="stable")]
    if wanted > 0:
        return ranked[:wanted]
    return [group for group in ranked if speech[group] >= _least(weights)] or ranked[:1]


def _centroid(
    points: NDArray[np.float32], weights: NDArray[np.float64], members: NDArray[np.bool_]
) -> NDArray[np.float32]:
    return unit((points[members] * weights[members, None]).sum(axis=0).astype(np.float32))


def _refined(
    points: NDArray[np.float32], weights: NDArray[np.float64], centroids: NDArray[np.float32], rounds: int = 5
) -> NDArray[np.float32]:
    """The centroids after each point has gone to its nearest one, a few times (spherical k-means)."""
    for _ in range(rounds):
        groups = nearest(points, centroids)
        moved = np.stack(
            [
                _centroid(points, weights, groups == number) if (groups == number).any() else centroid
                for number, centroid in enumerate(centroids)
            ]
        )
        if np.allclose(moved, centroids, atol=1e-5):
            break
        centroids = moved
    return centroids
