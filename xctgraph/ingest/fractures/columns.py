"""A fracture as columns of voxels along the axis on which it shows the largest area."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.jit import njit

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Spacing = tuple[float, float, float]

_LARGEST_HOLE = 1


class Grid(NamedTuple):
    """Runs as the kernels take them: number of columns along u and v, first run of each column, and the runs."""

    nu: int
    nv: int
    offsets: Ints
    u: Ints
    v: Ints
    bottom: Ints
    top: Ints


@dataclass(frozen=True, eq=False)
class Columns:
    """Runs of voxels along `axis`, sorted by column (u, v), then by height.

    Attributes
    ----------
    axis : int
        Axis of the columns; u and v are the other two, in order.
    low : (3,) int64
        First voxel of the box of the fracture, (z, y, x).
    size : (nu, nv)
        Columns of that box.
    u, v, bottom, top : (r,) int64
        Column of each run, its first voxel and one past its last, all relative to `low`.
    """

    axis: int
    low: Ints
    size: tuple[int, int]
    u: Ints
    v: Ints
    bottom: Ints
    top: Ints

    @property
    def across(self) -> tuple[int, int]:
        """The axes of u and v."""
        first, second = (k for k in range(3) if k != self.axis)
        return first, second

    @cached_property
    def offsets(self) -> Ints:
        """First run of each column u * nv + v, (nu * nv + 1,)."""
        nu, nv = self.size
        return np.searchsorted(self.u * nv + self.v, np.arange(nu * nv + 1))

    @cached_property
    def grid(self) -> Grid:
        """The runs for the kernels."""
        return Grid(*self.size, self.offsets, self.u, self.v, self.bottom, self.top)

    @cached_property
    def middle(self) -> Floats:
        """Height of the middle of each run, (r,), voxels from `low`."""
        return np.asarray((self.bottom + self.top - 1) / 2, dtype=np.float64)

    @cached_property
    def thickness(self) -> Ints:
        """Voxels of each run, (r,)."""
        return self.top - self.bottom


def columns(voxels: Ints, spacing: Spacing) -> Columns:
    """Arrange voxels (m, 3), (z, y, x), m > 0, as columns; holes of one voxel are closed.

    Along the chosen axis a sheet has a tilt of at most 55 degrees, so that its height is a function of the column.
    """
    low = voxels.min(axis=0)
    size = voxels.max(axis=0) - low + 1
    areas = [_shown(voxels, low, size, axis) * np.prod(np.delete(spacing, axis)) for axis in range(3)]
    axis = int(np.argmax(areas))
    first, second = (k for k in range(3) if k != axis)
    nv, height = int(size[second]), int(size[axis])
    key = ((voxels[:, first] - low[first]) * nv + voxels[:, second] - low[second]) * height + voxels[:, axis] - low[axis]
    key.sort()
    column, place = key // height, key % height
    starts = np.flatnonzero(np.r_[True, (np.diff(column) != 0) | (np.diff(place) > 1 + _LARGEST_HOLE)])
    ends = np.r_[starts[1:], len(key)] - 1
    u, v = column[starts] // nv, column[starts] % nv
    return Columns(axis, low, (int(size[first]), nv), u, v, place[starts], place[ends] + 1)


def _shown(voxels: Ints, low: Ints, size: Ints, axis: int) -> int:
    """Number of columns along `axis` that hold a voxel."""
    first, second = (k for k in range(3) if k != axis)
    seen = np.zeros(int(size[first] * size[second]), np.bool_)
    seen[(voxels[:, first] - low[first]) * size[second] + voxels[:, second] - low[second]] = True
    return int(np.count_nonzero(seen))


@njit
def forks(grid: Grid) -> NDArray[np.bool_]:
    """Which runs touch two or more runs of one of the eight columns about them."""
    nu, nv, offsets, u, v, bottom, top = grid
    found = np.zeros(len(u), np.bool_)
    for r in range(len(u)):
        for du in range(-1, 2):
            for dv in range(-1, 2):
                a, b = u[r] + du, v[r] + dv
                if (du == 0 and dv == 0) or a < 0 or a >= nu or b < 0 or b >= nv:
                    continue
                n = 0
                for s in range(offsets[a * nv + b], offsets[a * nv + b + 1]):
                    if bottom[s] <= top[r] and bottom[r] <= top[s]:
                        n += 1
                if n > 1:
                    found[r] = True
    return found


@njit
def spread(grid: Grid, label: Ints, open_: NDArray[np.bool_], steps: int) -> Ints:
    """Carry labels (0 is none) from run to touching run through the runs that are `open_`, at most `steps` times (-1: any)."""
    nu, nv, offsets, u, v, bottom, top = grid
    label = label.copy()
    edge = np.flatnonzero(label > 0)
    done = 0
    while len(edge) and done != steps:
        following = np.empty(len(u), np.int64)
        n = 0
        for r in edge:
            for side in range(4):
                a = u[r] + (-1 if side == 0 else 1 if side == 1 else 0)
                b = v[r] + (-1 if side == 2 else 1 if side == 3 else 0)
                if a < 0 or a >= nu or b < 0 or b >= nv:
                    continue
                for s in range(offsets[a * nv + b], offsets[a * nv + b + 1]):
                    if label[s] == 0 and open_[s] and bottom[s] <= top[r] and bottom[r] <= top[s]:
                        label[s] = label[r]
                        following[n] = s
                        n += 1
        edge = following[:n].copy()
        done += 1
    return label


@njit
def components(grid: Grid, open_: NDArray[np.bool_]) -> Ints:
    """Components, from 1, of the runs that are `open_`, joined where runs of neighbouring columns touch; 0 for all others."""
    nu, nv, offsets, u, v, bottom, top = grid
    label = np.zeros(len(u), np.int64)
    stack = np.empty(len(u), np.int64)
    count = 0
    for start in range(len(u)):
        if label[start] or not open_[start]:
            continue
        count += 1
        label[start] = count
        stack[0] = start
        n = 1
        while n:
            n -= 1
            r = stack[n]
            for side in range(4):
                a = u[r] + (-1 if side == 0 else 1 if side == 1 else 0)
                b = v[r] + (-1 if side == 2 else 1 if side == 3 else 0)
                if a < 0 or a >= nu or b < 0 or b >= nv:
                    continue
                for s in range(offsets[a * nv + b], offsets[a * nv + b + 1]):
                    if label[s] == 0 and open_[s] and bottom[s] <= top[r] and bottom[r] <= top[s]:
                        label[s] = count
                        stack[n] = s
                        n += 1
    return label


@njit
def contacts(grid: Grid, label: Ints, count: int) -> Ints:
    """Pairs of touching runs by their two labels (count + 1, count + 1), upper triangle."""
    nu, nv, offsets, u, v, bottom, top = grid
    found = np.zeros((count + 1, count + 1), np.int64)
    for r in range(len(u)):
        for side in range(2):
            a, b = u[r] + (1 - side), v[r] + side
            if a >= nu or b >= nv:
                continue
            for s in range(offsets[a * nv + b], offsets[a * nv + b + 1]):
                if label[s] != label[r] and bottom[s] <= top[r] and bottom[r] <= top[s]:
                    found[min(label[r], label[s]), max(label[r], label[s])] += 1
    return found


@njit
def borders(grid: Grid, label: Ints) -> NDArray[np.bool_]:
    """Which runs touch a run of another label in a neighbouring column."""
    nu, nv, offsets, u, v, bottom, top = grid
    found = np.zeros(len(u), np.bool_)
    for r in range(len(u)):
        for side in range(2):
            a, b = u[r] + (1 - side), v[r] + side
            if a >= nu or b >= nv:
                continue
            for s in range(offsets[a * nv + b], offsets[a * nv + b + 1]):
                if label[s] != label[r] and bottom[s] <= top[r] and bottom[r] <= top[s]:
                    found[r] = found[s] = True
    return found


@njit
def shared(offsets: Ints, label: Ints, count: int) -> Ints:
    """Columns in which two labels both have a run (count + 1, count + 1), upper triangle; the diagonal counts repeats."""
    found = np.zeros((count + 1, count + 1), np.int64)
    for column in range(len(offsets) - 1):
        for i in range(offsets[column], offsets[column + 1]):
            for j in range(i + 1, offsets[column + 1]):
                found[min(label[i], label[j]), max(label[i], label[j])] += 1
    return found
