"""Choices that don't look at the slices: the yardsticks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.sampling import checks


def random(n_slices: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose `n` different rows, all equally likely; sorted."""
    checks.picks(n, n_slices)
    return np.sort(rng.permutation(n_slices)[:n])


def uniform(n_slices: int, n: int) -> NDArray[np.int64]:
    """Choose rows at equal steps, half a step from both ends."""
    checks.picks(n, n_slices)
    return ((2 * np.arange(n) + 1) * n_slices) // (2 * n)


def spatiotemporal(z: NDArray[np.floating], time: NDArray[np.floating], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Stratify by time, then by height, and draw one row of each stratum; sorted.

    The slices in order of time are cut into about sqrt(n) parts, in proportion to the picks of each; each of these in order of
    height into as many parts as it gets picks: strata hold equal numbers of slices (to one), whatever the spacing of scans, and
    none is empty.

    Parameters
    ----------
    z, time : ndarray, shape (slices,)
        Height in the sample, and time, load or strain.
    """
    checks.picks(n, len(z))
    parts = round(np.sqrt(n))
    picks: list[int] = []
    by_time = np.lexsort((z, time))
    for k in range(parts):
        before, after = k * n // parts, (k + 1) * n // parts
        part = by_time[before * len(z) // n : after * len(z) // n]
        strata = np.array_split(part[np.argsort(z[part], kind="stable")], after - before)
        picks.extend(rng.choice(stratum) for stratum in strata)
    return np.sort(np.array(picks, np.int64))
