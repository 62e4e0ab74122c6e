"""Whether a scan that does not fit the one before would fit it turned or mirrored."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xctgraph.ingest.correspondence.registration import register
from xctgraph.ingest.correspondence.side import ScanSide

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# In 80 made pairs no wrong orientation linked more than 0.58 of the features where there were 15 or more.
_LARGEST, _FEWEST, _LEAST_SHARE, _MOST_ERROR = 100, 15, 0.7, 0.28


class Orientation(NamedTuple):
    """Order of the axes of the later scan, and which of the ordered ones are reversed."""

    order: tuple[int, ...]
    reversed: tuple[int, ...]


def hint(a: ScanSide, b: ScanSide) -> tuple[str, ...]:
    """Say how the later scan `b` would have to be turned or mirrored to fit `a`; nothing where that does not clearly help.

    The displacement is searched for each of the orders and directions of axes that keep the shape (up to 48), between the largest
    features that are no fractures. Of use only for a pair that is in doubt: about 1 s of processor.
    """
    of_a, of_b = _largest(a), _largest(b)
    n = min(len(of_a), len(of_b))
    if n < _FEWEST:
        return ()
    # Of both scans the same share, so that a feature is among the largest in both or in neither.
    share = min(1.0, _LARGEST / n)
    of_a, of_b = of_a[: round(share * len(of_a))], of_b[: round(share * len(of_b))]
    n = min(len(of_a), len(of_b))
    earlier = _points(a, of_a, a.position[of_a])
    found = []
    for turn in _orientations(b):
        known = register(earlier, _points(b, of_b, _turned(b, b.position[of_b], turn)), None)
        found.append((known.support if known.held_out <= _MOST_ERROR * known.spacing else 0, turn))
    (best, turn), second = max(found), sorted(found)[-2:][0][0]
    if turn == Orientation((0, 1, 2), ()) or best < max(_LEAST_SHARE * n, 1.5 * second):
        return ()
    axes = ", ".join(("-" if k in turn.reversed else "") + "zyx"[axis] for k, axis in enumerate(turn.order))
    ordered = f"volume.transpose{turn.order}"
    return (
        f"the later scan looks turned or mirrored: {best} of the {n} largest features fit if its axes are taken as ({axes}), - "
        f"for reversed. Write its file as numpy.flip({ordered}, {turn.reversed}), or check the orientation of the specimen",
    )


def _orientations(b: ScanSide) -> list[Orientation]:
    n = np.rint(b.extent / b.steps)
    return [
        Orientation(order, tuple(axis for axis in range(3) if mirrored[axis]))
        for order in itertools.permutations(range(3))
        if np.array_equal(n[list(order)], n)
        for mirrored in itertools.product((False, True), repeat=3)
    ]


def _turned(b: ScanSide, position: Floats, turn: Orientation) -> Floats:
    """Positions in the volume that `numpy.flip(volume.transpose(order), reversed)` makes, um."""
    index = (position / b.steps)[:, list(turn.order)]
    for axis in turn.reversed:
        index[:, axis] = b.extent[axis] / b.steps[axis] - index[:, axis]
    return index * b.steps


def _largest(side: ScanSide) -> Ints:
    """Features that are no fractures, the largest first."""
    some = np.flatnonzero(~side.is_fracture)
    return some[np.argsort(-side.volume[some], kind="stable")]


def _points(side: ScanSide, which: Ints, position: Floats) -> ScanSide:
    """Some features of a side as spheres at other places."""
    z, y, x = np.rint(side.extent / side.steps).astype(int) + 1
    table = pa.table({
        "label": np.arange(1, len(which) + 1), "kind": pa.array(side.kind[which], pa.string()),
        "z": position[:, 0], "y": position[:, 1], "x": position[:, 2], "volume": side.volume[which],
        "axis_major_length": pa.nulls(len(which), pa.float64()), "border_touching": side.border[which],
    })  # fmt: skip
    return ScanSide(table, None, side.spacing, (int(z), int(y), int(x)))
