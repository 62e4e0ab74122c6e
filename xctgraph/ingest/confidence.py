"""How sure the segmentation was of each feature: the mean over its voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest import config
from xctgraph.ingest.labelling.runs import extract
from xctgraph.ingest.labelling.slab import Slab
from xctgraph.ingest.volumes import Volume
from xctgraph.store.errors import InputError
from xctgraph.store.labels import Labels

_FULL = 255  # of whole numbers


class Confidence:
    """Keeps the sum of each run of foreground while slabs pass; some 24 bytes per run."""

    def __init__(self) -> None:
        self._spans: list[NDArray[np.int32]] = []
        self._means: list[NDArray[np.float64]] = []

    def look(self, slab: Slab) -> None:
        """Take in a slab, where it has confidence.

        Raises
        ------
        InputError
            If a value is not a share: not finite, or outside 0 to 1.
        """
        if slab.confidence is None:
            return
        runs = extract(Slab(slab.z0, classes=slab.classes, instances=slab.instances))
        if not len(runs.spans):
            return
        z, y, start, stop = runs.spans.T.astype(np.int64)
        rows = slab.confidence.reshape(-1, slab.confidence.shape[-1])
        whole = rows.dtype.kind in "iu"
        # A row of its own sums, so that rounding does not build up over the slab.
        before = np.zeros((len(rows), rows.shape[1] + 1), np.int64 if whole else np.float64)
        np.cumsum(rows, axis=1, out=before[:, 1:])
        row = (z - slab.z0) * slab.confidence.shape[1] + y
        means = (before[row, stop] - before[row, start]) / (stop - start) / (_FULL if whole else 1)
        wrong = ~((means >= 0) & (means <= 1 + 1e-9))
        if wrong.any():
            k = int(np.argmax(wrong))
            raise InputError(
                f"confidence of voxels z = {z[k]}, y = {y[k]}, x = {start[k]} to {stop[k] - 1} is {means[k]:g} on average: "
                "valid are whole numbers from 0 to 255, or fractions of 1"
            )
        self._spans.append(runs.spans)
        self._means.append(np.minimum(means, 1))

    def add(self, later: Confidence) -> None:
        """Take in what was kept of the slabs that follow."""
        self._spans += later._spans
        self._means += later._means

    def of(self, labels: Labels) -> NDArray[np.float64] | None:
        """Mean confidence of each feature, row l - 1 for label l; None without confidence.

        A run that was cut where touching features were told apart counts with the mean of the whole run.
        """
        if not self._spans:
            return None
        spans, means = np.concatenate(self._spans), np.concatenate(self._means)
        _, n_y, n_x = labels.shape

        def keys(z: NDArray[np.int32], y: NDArray[np.int32], x: NDArray[np.int32]) -> NDArray[np.int64]:
            return (z.astype(np.int64) * n_y + y) * n_x + x

        at = np.searchsorted(keys(*spans[:, :3].T), keys(labels.z, labels.y, labels.x_start), side="right") - 1
        length = (labels.x_stop - labels.x_start).astype(np.float64)
        n = labels.n
        weighted = np.bincount(labels.label - 1, length * means[at], n)
        return weighted / np.bincount(labels.label - 1, length, n)


def check(volume: Volume, scan: config.Scan) -> None:
    """Refuse a volume that cannot be confidence.

    Raises
    ------
    InputError
        If its voxels are neither of uint8 nor floating.
    """
    if volume.dtype != np.uint8 and volume.dtype.kind != "f":
        raise InputError(
            f"scan t = {scan.t}: confidence {scan.confidence!r} holds {volume.dtype}: valid are uint8, from 0 to 255, "
            "and fractions of 1"
        )
