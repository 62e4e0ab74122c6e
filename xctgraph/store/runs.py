"""Kernels on runs of voxels that `Labels` is made of. Rows are numbered z * n_y + y; `offsets` holds the first run of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.jit import njit

Shape = tuple[int, int, int]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

COLUMNS = ("z", "y", "x_start", "x_stop", "label")


def problem(shape: Shape, z: I32, y: I32, x_start: I32, x_stop: I32, label: I32) -> str:
    """Say what is wrong with runs, or nothing."""
    lengths = [len(column) for column in (z, y, x_start, x_stop, label)]
    if len(set(lengths)) > 1:
        return f"columns {', '.join(COLUMNS)} have different lengths {lengths}: they must be equal"
    if not lengths[0]:
        return ""
    low, high = _extent(z, y, x_start, x_stop)
    if min(low) < 0 or any(top >= size for top, size in zip(high, shape, strict=True)):
        return f"they cover {low} to {high}, outside the volume"
    if label.min() < 1:
        return f"label {label.min()} is not valid: labels start at 1"
    if not _in_order(z, y, x_start, x_stop, label):
        return "they are not in C order, are empty, overlap, or touch in a row with one label: sort them by z, y, x_start"
    return ""


def _extent(z: I32, y: I32, x_start: I32, x_stop: I32) -> tuple[Shape, Shape]:
    low = (int(z.min()), int(y.min()), int(x_start.min()))
    return low, (int(z.max()), int(y.max()), int(x_stop.max()) - 1)


@njit
def _in_order(z: I32, y: I32, x_start: I32, x_stop: I32, label: I32) -> bool:
    for i in range(len(z)):
        if x_stop[i] <= x_start[i]:
            return False
        if i == 0 or z[i] > z[i - 1]:
            continue
        if z[i] < z[i - 1] or y[i] < y[i - 1]:
            return False
        # Runs of one label in one row must not touch: they would be one.
        if y[i] == y[i - 1] and x_start[i] < x_stop[i - 1] + (label[i] == label[i - 1]):
            return False
    return True


@njit
def paint(box: NDArray[np.int32], low: Shape, shape: Shape, offsets: I64, x_start: I32, x_stop: I32, label: I32) -> None:
    """Write the labels of the runs into `box`, whose first voxel is `low`."""
    for z in range(max(low[0], 0), min(low[0] + box.shape[0], shape[0])):
        for y in range(max(low[1], 0), min(low[1] + box.shape[1], shape[1])):
            for i in range(offsets[z * shape[1] + y], offsets[z * shape[1] + y + 1]):
                for x in range(max(x_start[i], low[2]), min(x_stop[i], low[2] + box.shape[2])):
                    box[z - low[0], y - low[1], x - low[2]] = label[i]


@njit
def lookup(shape: Shape, offsets: I64, x_start: I32, x_stop: I32, label: I32, voxels: I64) -> I64:
    """Label at each of the voxels (m, 3); 0 for background and beyond the volume."""
    found = np.zeros(len(voxels), np.int64)
    for i in range(len(voxels)):
        z, y, x = voxels[i, 0], voxels[i, 1], voxels[i, 2]
        if z < 0 or z >= shape[0] or y < 0 or y >= shape[1]:
            continue
        last = offsets[z * shape[1] + y + 1]
        run = _first_after(x_stop, offsets[z * shape[1] + y], last, x)
        if run < last and x_start[run] <= x:
            found[i] = label[run]
    return found


def voxels(z: I32, y: I32, x_start: I32, x_stop: I32) -> I64:
    """Coordinates (z, y, x) of the voxels of runs in their order, (m, 3)."""
    length = (x_stop - x_start).astype(np.int64)
    before = np.repeat(np.cumsum(length) - length, length)
    x = np.repeat(x_start, length) + np.arange(int(length.sum())) - before
    return np.stack([np.repeat(z, length), np.repeat(y, length), x], axis=1).astype(np.int64)


@njit
def _first_after(x_stop: I32, start: int, stop: int, x: int) -> int:
    while start < stop:
        middle = (start + stop) // 2
        if x_stop[middle] > x:
            stop = middle
        else:
            start = middle + 1
    return start


@njit
def boundary(
    shape: Shape,
    offsets: I64,
    z: I32,
    y: I32,
    x_start: I32,
    x_stop: I32,
    label: I32,
    order: I64,
    coords: NDArray[np.int32],
    labels: NDArray[np.int32],
) -> int:
    """Count the boundary voxels of the runs `order`, and write them where `coords` (m, 3) and `labels` (m,) have room."""
    n_z, n_y, _ = shape
    at = np.zeros(4, np.int64)
    end = np.zeros(4, np.int64)
    n = 0
    for i in order:
        for side in range(4):
            zz = z[i] + (-1 if side == 0 else 1 if side == 1 else 0)
            yy = y[i] + (-1 if side == 2 else 1 if side == 3 else 0)
            at[side] = end[side] = 0
            if 0 <= zz < n_z and 0 <= yy < n_y:
                end[side] = offsets[zz * n_y + yy + 1]
                at[side] = _first_after(x_stop, offsets[zz * n_y + yy], end[side], x_start[i])
        for x in range(x_start[i], x_stop[i]):
            inside = x_start[i] < x < x_stop[i] - 1
            for side in range(4):
                if not inside:
                    break
                while at[side] < end[side] and x_stop[at[side]] <= x:
                    at[side] += 1
                j = at[side]
                inside = j < end[side] and x_start[j] <= x and label[j] == label[i]
            if inside:
                continue
            if n < len(coords):
                coords[n, 0] = z[i]
                coords[n, 1] = y[i]
                coords[n, 2] = x
                labels[n] = label[i]
            n += 1
    return n


@njit
def overlap(
    shift: I64,
    z: I32,
    y: I32,
    x_start: I32,
    x_stop: I32,
    label: I32,
    shape: Shape,
    offsets: I64,
    other_start: I32,
    other_stop: I32,
    other_label: I32,
    found: NDArray[np.int64],
) -> int:
    """Count the pairs of overlapping runs, and write (label, other label, voxels) where `found` (m, 3) has room."""
    n_z, n_y, _ = shape
    n = 0
    for i in range(len(label)):
        zz = z[i] + shift[label[i], 0]
        yy = y[i] + shift[label[i], 1]
        if not (0 <= zz < n_z and 0 <= yy < n_y):
            continue
        start = x_start[i] + shift[label[i], 2]
        stop = x_stop[i] + shift[label[i], 2]
        end = offsets[zz * n_y + yy + 1]
        j = _first_after(other_stop, offsets[zz * n_y + yy], end, start)
        while j < end and other_start[j] < stop:
            if n < len(found):
                found[n, 0] = label[i]
                found[n, 1] = other_label[j]
                found[n, 2] = min(stop, other_stop[j]) - max(start, other_start[j])
            n += 1
            j += 1
    return n


def sum_pairs(a: I64, b: I64, values: Sequence[I64]) -> tuple[I32, I32, list[I64]]:
    """Add up `values` over equal pairs (a, b); the pairs come back sorted."""
    if not len(a):
        return np.empty(0, np.int32), np.empty(0, np.int32), [np.empty(0, np.int64) for _ in values]
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    first = np.flatnonzero(np.r_[True, (a[1:] != a[:-1]) | (b[1:] != b[:-1])])
    sums = [np.add.reduceat(value[order], first) for value in values]
    return a[first].astype(np.int32), b[first].astype(np.int32), sums
