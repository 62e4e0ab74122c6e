"""One of the two scans to link."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.store.labels import Labels

FRACTURE = "fracture"
PORE = "pore"


@dataclass(frozen=True, eq=False)
class ScanSide:
    """Features and labels of a scan.

    Attributes
    ----------
    features : pyarrow.Table
        Columns label (1 .. N, any order of rows), kind, z, y, x (um), volume (um^3), axis_major_length (um), border_touching.
    labels : Labels
    spacing : (dz, dy, dx), micrometres
    """

    features: pa.Table
    labels: Labels
    spacing: tuple[float, float, float]

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
        return (np.asarray(self.labels.shape) - 1) * self.steps

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
        return np.maximum(self.radius, self._column("axis_major_length") / 2)

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
        """Voxels of each feature, (n,)."""
        return np.asarray(self.labels.counts[1:], dtype=np.int64)

    def _is(self, kind: str) -> NDArray[np.bool_]:
        return np.asarray(pc.equal(self.features["kind"], kind).to_numpy(), dtype=np.bool_)[self.order]

    def _column(self, name: str) -> NDArray[np.float64]:
        return np.asarray(self.features[name].to_numpy(), dtype=np.float64)[self.order]
