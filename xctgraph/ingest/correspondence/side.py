"""One of the two scans to link."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.ingest.volumes.protocol import Box
from xctgraph.ingest.volumes.region import shape_of
from xctgraph.store.labels import Labels

FRACTURE = "fracture"
PORE = "pore"


@dataclass(frozen=True, eq=False)
class ScanSide:
    """Features and labels of a scan.

    Attributes
    ----------
    features : pyarrow.Table
        Columns label (1 .. N, any order of rows), kind, z, y, x (um), volume (um^3), axis_major_length (um, may be null),
        border_touching.
    labels : Labels or None
        None where the features have no voxels: they are taken as spheres then.
    spacing : (dz, dy, dx), micrometres
    shape : (z, y, x), voxels, optional
        That of the labels if left out.
    names : (N,) int64, optional
        What the labels 1 .. N are called outside, ascending.
    """

    features: pa.Table
    labels: Labels | None
    spacing: tuple[float, float, float]
    shape: tuple[int, int, int] | None = None
    names: NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls,
        features: pa.Table,
        labels: Labels | None,
        spacing: tuple[float, float, float],
        shape: tuple[int, int, int],
    ) -> ScanSide:
        """Side of a scan whose labels may have gaps, where features were dropped."""
        label = features["label"].to_numpy()
        names = np.sort(label)
        place = features.column_names.index("label")
        dense = features.set_column(place, "label", pa.array(np.searchsorted(names, label) + 1, pa.int64()))
        return cls(dense, None if labels is None else labels.renumbered(names), spacing, shape, names)

    def name(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Labels, as they are called outside, of indices (label - 1)."""
        return np.asarray(index + 1 if self.names is None else self.names[index], dtype=np.int64)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Rows in the order of the labels: arrays below hold label l at l - 1."""
        return np.argsort(self.features["label"].to_numpy(), kind="stable")

    @property
    def n(self) -> int:
        """Number of features."""
        return int(self.features.num_rows)

    @cached_property
    def steps(self) -> NDArray[np.float64]:
        """Edge lengths of a voxel, (3,), um."""
        return np.asarray(self.spacing, dtype=np.float64)

    @cached_property
    def voxel(self) -> float:
        """Edge of the cube of a voxel's volume, um."""
        return float(np.cbrt(self.steps.prod()))

    @cached_property
    def extent(self) -> NDArray[np.float64]:
        """Position of the last voxel's centre, (3,), um."""
        shape = self.labels.shape if self.labels is not None else self.shape
        return (np.asarray(shape, dtype=np.float64) - 1) * self.steps

    @cached_property
    def position(self) -> NDArray[np.float64]:
        """Centroids, (n, 3), um."""
        return np.stack([self._column(axis) for axis in "zyx"], axis=1)

    @cached_property
    def volume(self) -> NDArray[np.float64]:
        """Volumes, (n,), um^3."""
        return self._column("volume")

    @cached_property
    def log_volume(self) -> NDArray[np.float64]:
        """Natural logarithms of the volumes, (n,)."""
        return np.log(self.volume)

    @cached_property
    def radius(self) -> NDArray[np.float64]:
        """Radii of the spheres of the same volume, (n,), um."""
        return np.asarray(np.cbrt(3 * self.volume / (4 * np.pi)))

    @cached_property
    def reach(self) -> NDArray[np.float64]:
        """Half the major axis, or the radius if that is larger, (n,), um."""
        return np.asarray(np.fmax(self.radius, self._column("axis_major_length") / 2), dtype=np.float64)

    @cached_property
    def kind(self) -> NDArray[np.object_]:
        """Kinds, (n,)."""
        return np.asarray(self.features["kind"].to_numpy(), dtype=object)[self.order]

    @cached_property
    def is_fracture(self) -> NDArray[np.bool_]:
        """Which are fractures, (n,)."""
        return self._is(FRACTURE)

    @cached_property
    def is_pore(self) -> NDArray[np.bool_]:
        """Which are pores, (n,)."""
        return self._is(PORE)

    @cached_property
    def border(self) -> NDArray[np.bool_]:
        """Which touch the border, (n,)."""
        return np.asarray(self.features["border_touching"].to_numpy(), dtype=np.bool_)[self.order]

    @cached_property
    def voxels(self) -> NDArray[np.int64]:
        """Voxels of each feature, (n,); without voxels, the nearest number that gives the volume, and at least one."""
        if self.labels is None:
            return np.asarray(np.maximum(1, np.rint(self.volume / self.steps.prod())), dtype=np.int64)
        return np.asarray(self.labels.counts[1:], dtype=np.int64)

    def _is(self, kind: str) -> NDArray[np.bool_]:
        return np.asarray(pc.equal(self.features["kind"], kind).to_numpy(), dtype=np.bool_)[self.order]

    def _column(self, name: str) -> NDArray[np.float64]:
        return np.asarray(self.features[name].to_numpy(), dtype=np.float64)[self.order]


def side_in(box: Box, features: pa.Table, runs: pa.Table | None, spacing: tuple[float, float, float]) -> ScanSide:
    """Side of a scan in the frame of `box`, ((z0, z1), (y0, y1), (x0, x1)), which holds all its features and label `runs`."""
    for axis, (low, _), step in zip("zyx", box, spacing, strict=True):
        features = shifted(features, axis, -low * step)
        for name in (axis,) if axis != "x" else ("x_start", "x_stop"):
            runs = None if runs is None else shifted(runs, name, -low)
    shape = shape_of(box)
    return ScanSide.of(features, None if runs is None else Labels.from_table(runs, shape), spacing, shape)


def shifted(table: pa.Table, name: str, offset: float) -> pa.Table:
    """The table with `offset` added to one column."""
    if not offset:
        return table
    column = table[name]
    return table.set_column(table.column_names.index(name), name, pc.add(column, pa.scalar(offset, column.type)))
