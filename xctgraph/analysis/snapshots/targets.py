"""What becomes of the nodes of a scan until the next one: targets of a prediction, kept apart from `x`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.store.table import Column
from xctgraph.store.table import column as _c

TARGETS: tuple[Column, ...] = (
    _c(
        "growth",
        "float64",
        "change of volume until the next scan, along its track; NaN where the track does not go on",
        "um^3",
        known_at="t+1",
    ),
    _c("swallowed", "bool", "whether a fracture swallows it until the next scan", known_at="t+1"),
    _c("birth", "bool", "whether no feature of the scan before became this one; known at t", known_at="t"),
    _c("death", "bool", "whether it becomes nothing in a later scan", known_at="t+1"),
    _c("split", "bool", "whether it splits until the next scan", known_at="t+1"),
    _c("merge", "bool", "whether it merges with another until the next scan", known_at="t+1"),
)
"""Columns of `y` of features, in order."""


def feature_targets(
    features: pa.Table, arriving: pa.Table | None, leaving: pa.Table | None, later: pa.Table | None
) -> NDArray[np.float32]:
    """Targets of the features of one scan.

    Parameters
    ----------
    features
        Columns feature_id, track_id, volume.
    arriving, leaving
        Links (`next`) into and out of the scan: columns source, target, event. None where there are no links to know, at the
        first and at the last scan.
    later
        Columns track_id, volume of the next scan; None at the last.

    Returns
    -------
    (n, 6) float32
        `TARGETS` of each row of `features`: 1 or 0, growth in µm³; NaN where it is not known.
    """
    y = np.full((features.num_rows, len(TARGETS)), np.nan, np.float32)
    ids = features["feature_id"].to_numpy()
    if later is not None:
        track, volume = later["track_id"].to_numpy(), later["volume"].to_numpy()
        order = np.argsort(track)
        place = np.searchsorted(track, features["track_id"].to_numpy(), sorter=order).clip(max=max(len(track) - 1, 0))
        row = order[place] if len(track) else place
        goes_on = track[row] == features["track_id"].to_numpy() if len(track) else np.zeros(len(ids), np.bool_)
        y[goes_on, 0] = volume[row[goes_on]] - features["volume"].to_numpy()[goes_on]
    if arriving is not None:
        y[:, 2] = ~np.isin(ids, arriving["target"].to_numpy())
    if leaving is not None:
        y[:, 3] = ~np.isin(ids, leaving["source"].to_numpy())
        for column, event in ((1, "swallowed"), (4, "split"), (5, "merge")):
            of_event = leaving.filter(pc.equal(leaving["event"], event))
            y[:, column] = np.isin(ids, of_event["source"].to_numpy())
    return y
