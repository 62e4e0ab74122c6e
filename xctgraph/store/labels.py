"""Labels of one scan as runs of voxels along x: a few bytes per run in place of a label volume."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from xctgraph.store import runs
from xctgraph.store.errors import InputError

Shape = tuple[int, int, int]


class Boundary(NamedTuple):
    """Voxels with at least one of their 6 neighbours outside their feature, sorted by label, then in C order.

    `coords` (m, 3) int32, (z, y, x); `label` (m,) int32; those of label l are `coords[offsets[l] : offsets[l + 1]]`.
    """

    coords: NDArray[np.int32]
    label: NDArray[np.int32]
    offsets: NDArray[np.int64]


class Overlap(NamedTuple):
    """Voxels shared by pairs of features, sorted by (`label_a`, `label_b`): int32, int32 and int64, each (m,)."""

    label_a: NDArray[np.int32]
    label_b: NDArray[np.int32]
    voxels: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels 1..n of a volume of `shape` (z, y, x), as runs in C order.

    Run i holds the voxels (z[i], y[i], x) with x_start[i] <= x < x_stop[i] of feature label[i]. All arrays are int32 of one
    length; runs do not overlap, and two of one label in one row do not touch.

    Raises
    ------
    InputError
        If the arrays differ in length, a run lies outside `shape`, or the runs are not in C order.
    """

    shape: Shape
    z: NDArray[np.int32]
    y: NDArray[np.int32]
    x_start: NDArray[np.int32]
    x_stop: NDArray[np.int32]
    label: NDArray[np.int32]

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        for name in runs.COLUMNS:
            # Writable and contiguous, so that each kernel is compiled for one array type only.
            object.__setattr__(self, name, np.require(getattr(self, name), np.int32, ("C", "W")))
        problem = runs.problem(self.shape, *(getattr(self, name) for name in runs.COLUMNS))
        if problem:
            raise InputError(f"label runs of a volume of shape {self.shape} (z, y, x): {problem}")

    @classmethod
    def from_table(cls, table: pa.Table, shape: Shape) -> Labels:
        """Labels of a volume of `shape` (z, y, x) from the columns z, y, x_start, x_stop, label of `table`."""
        return cls(shape, *(table.column(name).to_numpy() for name in runs.COLUMNS))

    def to_table(self) -> pa.Table:
        """Columns z, y, x_start, x_stop, label (schema `LABEL_RUNS`), one row per run, in C order."""
        return pa.table({name: pa.array(getattr(self, name), pa.int32()) for name in runs.COLUMNS})

    def renumbered(self, kept: NDArray[np.int64]) -> Labels:
        """Only the labels `kept` (ascending), numbered from 1 in their order."""
        if len(kept) == self.n and (not len(kept) or kept[-1] == self.n):
            return self
        number = np.zeros(max(self.n, int(kept.max(initial=0))) + 1, np.int32)
        number[kept] = np.arange(1, len(kept) + 1)
        new = number[self.label]
        chosen = new > 0
        return Labels(self.shape, self.z[chosen], self.y[chosen], self.x_start[chosen], self.x_stop[chosen], new[chosen])

    def without(self, labels: NDArray[np.int64]) -> Labels:
        """All but the given labels; the others keep their numbers."""
        chosen = ~np.isin(self.label, labels)
        return Labels(self.shape, *(getattr(self, name)[chosen] for name in runs.COLUMNS))

    @cached_property
    def n(self) -> int:
        """Largest label; 0 where there is none."""
        return int(self.label.max(initial=0))

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Voxels of every label, (n + 1,); `counts[0]` is 0."""
        counts = np.zeros(self.n + 1, np.int64)
        np.add.at(counts, self.label, (self.x_stop - self.x_start).astype(np.int64))
        return counts

    @cached_property
    def row_offsets(self) -> NDArray[np.int64]:
        """Index of the first run of every row, (n_z * n_y + 1,): row (z, y) is z * n_y + y."""
        n_z, n_y, _ = self.shape
        offsets = np.zeros(n_z * n_y + 1, np.int64)
        row = self.z.astype(np.int64) * n_y + self.y
        offsets[1:] = np.cumsum(np.bincount(row, minlength=n_z * n_y))
        return offsets

    @cached_property
    def by_label(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """`(order, offsets)`: the runs of label l are `order[offsets[l] : offsets[l + 1]]`, in C order."""
        offsets = np.zeros(self.n + 2, np.int64)
        offsets[1:] = np.cumsum(np.bincount(self.label, minlength=self.n + 1))
        return np.argsort(self.label, kind="stable"), offsets

    def voxels(self, label: int) -> NDArray[np.int64]:
        """Coordinates (z, y, x) of the voxels of `label` in C order, (m, 3).

        Raises
        ------
        InputError
            If there is no such label.
        """
        if not 1 <= label <= self.n:
            raise InputError(f"label {label} is not in the volume: it holds labels 1 to {self.n}")
        order, offsets = self.by_label
        chosen = order[offsets[label] : offsets[label + 1]]
        return runs.voxels(*(column[chosen] for column in (self.z, self.y, self.x_start, self.x_stop)))

    def crop(self, z0: int, z1: int, y0: int, y1: int, x0: int, x1: int) -> NDArray[np.int32]:
        """Label volume of the box z0 <= z < z1, y0 <= y < y1, x0 <= x < x1; 0 is background, also beyond the volume."""
        low = (z0, y0, x0)
        size = tuple(max(0, stop - start) for start, stop in zip(low, (z1, y1, x1), strict=True))
        box = np.zeros(size, np.int32)
        runs.paint(box, low, self.shape, self.row_offsets, self.x_start, self.x_stop, self.label)
        return box

    def at(self, z: int, y: int, x: int) -> int:
        """Label of voxel (z, y, x); 0 for background and beyond the volume."""
        return int(self.at_voxels(np.array([[z, y, x]], np.int64))[0])

    def at_voxels(self, voxels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Label at each of the voxels (m, 3), z, y, x; 0 for background and beyond the volume."""
        return runs.lookup(self.shape, self.row_offsets, self.x_start, self.x_stop, self.label, voxels)

    def boundary(self, labels: ArrayLike | None = None) -> Boundary:
        """Voxels with at least one of their 6 neighbours outside their own feature.

        Parameters
        ----------
        labels
            Labels to look at; all when None. What lies beyond the volume is outside.

        Raises
        ------
        InputError
            If there is no such label.
        """
        chosen = np.arange(1, self.n + 1) if labels is None else np.asarray(labels, np.int64)
        wrong = chosen[(chosen < 1) | (chosen > self.n)]
        if len(wrong):
            raise InputError(f"label {wrong[0]} is not in the volume: it holds labels 1 to {self.n}")
        wanted = np.zeros(self.n + 1, np.bool_)
        wanted[chosen] = True
        order, _ = self.by_label
        order = order[wanted[self.label[order]]]
        arrays = (self.shape, self.row_offsets, self.z, self.y, self.x_start, self.x_stop, self.label, order)
        size = runs.boundary(*arrays, np.empty((0, 3), np.int32), np.empty(0, np.int32))
        coords, label = np.empty((size, 3), np.int32), np.empty(size, np.int32)
        runs.boundary(*arrays, coords, label)
        return Boundary(coords, label, np.searchsorted(label, np.arange(self.n + 2)).astype(np.int64))

    def overlap(self, other: Labels, displacement: ArrayLike | None = None) -> Overlap:
        """Count the voxels of each feature that fall on features of `other` once displaced.

        Parameters
        ----------
        other
            Labels of the other scan; its shape may differ.
        displacement
            (n, 3), (z, y, x) in voxels: row l - 1 is added to the voxels of label l, rounded to the nearest integers (halves
            to even). None for no displacement.

        Raises
        ------
        InputError
            If `displacement` has another shape or is not finite.
        """
        shift = np.zeros((self.n + 1, 3), np.int64)
        if displacement is not None:
            given = np.asarray(displacement, np.float64)
            if given.shape != (self.n, 3) or not np.isfinite(given).all():
                raise InputError(
                    f"displacement of shape {given.shape} must be finite numbers of shape ({self.n}, 3): (z, y, x) per label"
                )
            shift[1:] = np.rint(given)
        arrays = (shift, self.z, self.y, self.x_start, self.x_stop, self.label)
        target = (other.shape, other.row_offsets, other.x_start, other.x_stop, other.label)
        size = runs.overlap(*arrays, *target, np.empty((0, 3), np.int64))
        found = np.empty((size, 3), np.int64)
        runs.overlap(*arrays, *target, found)
        a, b, (voxels,) = runs.sum_pairs(found[:, 0], found[:, 1], [found[:, 2]])
        return Overlap(a, b, voxels)
