"""One sweep over pairs of neighbouring rows of runs: what surface area and Euler number are counted from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.parallel import in_parts
from xctgraph.store.jit import njit
from xctgraph.store.labels import Labels

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

DIRECTIONS = np.array([(0, 0, 1), *((z, y, x) for z, y in ((0, 1), (1, -1), (1, 0), (1, 1)) for x in (-1, 0, 1))], dtype=np.int64)
"""The 13 directions (z, y, x) between a voxel and its 26 neighbours, opposite ones once."""

# Rows before a row (z, y) that share faces or edges with it, in the order of DIRECTIONS.
_BEFORE = np.array([(0, -1), (-1, 1), (-1, 0), (-1, -1)], dtype=np.int64)


class Sweep(NamedTuple):
    """Counts of n features, row l - 1 for label l.

    `pairs` (n, 13): voxels of the feature whose neighbour in each of `DIRECTIONS` is of the feature, too; `euler` (n,): the
    Euler number, zero for 18-connectivity, where it is not defined.
    """

    pairs: I64
    euler: I64


def sweep(labels: Labels, connectivity: int, workers: int = 1) -> Sweep:
    """Count, for every feature, pairs of neighbouring voxels and the Euler number for 6- or 26-connectivity.

    The Euler number follows from runs alone, by inclusion and exclusion over rows. For 26-connectivity voxels are closed
    cubes: with R runs, T pairs of runs of rows sharing faces that touch, and U maximal intervals of the union of the rows
    around every lattice edge along x, it is U + T - 3 R. For 6-connectivity voxels are open: with J pairs of runs of rows
    sharing faces that overlap, and I intervals common to all four rows, it is R - J + I.
    """
    n = labels.n
    closed = connectivity == 26
    n_runs = np.bincount(labels.label, minlength=n + 1)

    def part(first: int, last: int) -> tuple[I64, I64, NDArray[np.uint8]]:
        pairs, touching = np.zeros((n + 1, len(DIRECTIONS)), np.int64), np.zeros(n + 1, np.int64)
        covered = np.zeros(len(labels.label), np.uint8)
        runs = (labels.row_offsets, labels.x_start, labels.x_stop, labels.label)
        _sweep(first, last, labels.shape[1], *runs, int(closed), pairs, touching, covered)
        return pairs, touching, covered

    (pairs, touching, covered), *others = in_parts(part, labels.row_offsets, workers)
    for other in others:
        pairs += other[0]
        touching += other[1]
        covered |= other[2]
    pairs[:, 0] = labels.counts - n_runs
    starts = np.bincount(labels.label, weights=_CORNERS[int(closed)][covered], minlength=n + 1).astype(np.int64)
    if closed:
        euler = starts + touching - 3 * n_runs
    elif connectivity == 6:
        euler = n_runs - touching + starts
    else:
        euler = np.zeros(n + 1, np.int64)
    return Sweep(pairs[1:], euler[1:])


def _corner_table() -> NDArray[np.uint8]:
    """Of the four 2 x 2 groups of rows around a row, how many have none (1), or all (0), of their other three bits set."""
    # Bits 0-3 are the rows before a row, bits 4-7 their opposites after it.
    rows = np.concatenate([_BEFORE, -_BEFORE]).tolist()
    bit = {(z, y): k for k, (z, y) in enumerate(rows)}
    groups = [(1 << bit[z, 0]) | (1 << bit[0, y]) | (1 << bit[z, y]) for z in (-1, 1) for y in (-1, 1)]
    return np.array(
        [
            [sum((bits & group) == group for group in groups) for bits in range(256)],
            [sum((bits & group) == 0 for group in groups) for bits in range(256)],
        ],
        np.uint8,
    )


_CORNERS = _corner_table()


@njit
def _sweep(
    first_row: int,
    last_row: int,
    n_y: int,
    rows: I64,
    x_start: I32,
    x_stop: I32,
    label: I32,
    reach: int,
    pairs: I64,
    touching: I64,
    covered: NDArray[np.uint8],
) -> None:
    """Compare rows `first_row` to `last_row` - 1 with the four rows before each that it shares faces or edges with.

    `covered` gets a bit per neighbouring row in which a run of the label covers the first voxel of the run (for `reach` 1:
    covers or touches its lower face); of two that start together the later one is covered.
    """
    for row in range(first_row, last_row):
        start, stop = rows[row], rows[row + 1]
        if start == stop:
            continue
        y = row % n_y
        for side in range(4):
            dz, dy = _BEFORE[side, 0], _BEFORE[side, 1]
            other = row + dz * n_y + dy
            if other < 0 or not 0 <= y + dy < n_y:
                continue
            faces = dz * dy == 0
            first, end = rows[other], rows[other + 1]
            for i in range(start, stop):
                while first < end and x_stop[first] + 1 <= x_start[i]:
                    first += 1
                for j in range(first, end):
                    if x_start[j] >= x_stop[i] + 1:
                        break
                    if label[j] != label[i]:
                        continue
                    for dx in range(-1, 2):
                        # From the earlier row to the later one: voxel x of row j and x + dx of row i.
                        common = min(x_stop[i] - dx, x_stop[j]) - max(x_start[i] - dx, x_start[j])
                        if common > 0:
                            pairs[label[i], 1 + 3 * side + dx + 1] += common
                    if min(x_stop[i], x_stop[j]) - max(x_start[i], x_start[j]) + reach <= 0:
                        continue
                    if faces:
                        touching[label[i]] += 1
                    if x_start[j] <= x_start[i]:
                        covered[i] |= np.uint8(1 << side)
                    else:
                        covered[j] |= np.uint8(16 << side)
