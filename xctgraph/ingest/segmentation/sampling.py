"""Evenly spaced slices of a volume and their histogram."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling.levels import NotFiniteError
from xctgraph.ingest.segmentation import kernels
from xctgraph.ingest.segmentation.histogram import Histogram
from xctgraph.ingest.segmentation.material import material_of
from xctgraph.ingest.volumes import Volume
from xctgraph.store.errors import VolumeError

SAMPLE_VOXELS = 2**27
MIN_SLICES = 32
SLAB_BYTES = 64 * 2**20
FLOAT_BINS = 2**15
MIN_GREYS = 8


@dataclass(frozen=True)
class Sample:
    """Histogram of a volume; `padding` is the grey value outside the reconstruction, which is left out of it."""

    histogram: Histogram
    slices: int
    padding: float | None


def sample(volume: Volume, sample_mask: Volume | None = None) -> Sample:
    """Histogram of evenly spaced slices: all of them up to 134 million voxels, of larger volumes as many as make that up.

    At least 32 slices are taken. Which ones depends on the shape alone, so that the same volume gives the same histogram from
    any file format and with any slab height.

    Grey values of 8 and 16 bits have a bin each; others are counted in 32,768 bins over their range, narrowed to the robust
    range of a subset where outliers stretch it. The value of all four corners of every slice is taken as padding if it is the
    smallest or largest value of the sample and makes up 2 to 90 % of it (not in a volume of fewer than eight grey values).

    Raises
    ------
    VolumeError
        If a voxel is not finite, all have one value, or the sample mask differs in shape or is empty.
    """
    if sample_mask is not None and sample_mask.shape != volume.shape:
        raise VolumeError(
            f"the sample mask {sample_mask.path} has shape {sample_mask.shape}, but {volume.path} has {volume.shape}: "
            "they must agree"
        )
    planes = slices(volume.shape)
    narrow = volume.dtype.kind != "f" and volume.dtype.itemsize <= 2
    counted = (_count_narrow if narrow else _count_wide)(volume, sample_mask, planes)
    histogram = counted.histogram
    if not histogram.total:
        raise VolumeError(
            f"the sample mask {sample_mask.path if sample_mask else ''} is 0 everywhere in the slices looked at: "
            "no voxel is material"
        )
    if histogram.counts.size == 1:
        raise VolumeError(
            f"every voxel looked at in {volume.path} has the value {histogram.origin:g}: there is nothing to segment. "
            "Is it the right dataset, and is it complete?"
        )
    padding = _padding(counted) if sample_mask is None else None
    if padding is not None:
        histogram.counts[padding[1]] = 0
    return Sample(histogram.trimmed().filled(), planes.size, None if padding is None else padding[0])


def slices(shape: tuple[int, int, int]) -> NDArray[np.int64]:
    """Indices of the evenly spaced slices that `sample` looks at."""
    count = min(shape[0], max(MIN_SLICES, SAMPLE_VOXELS // (shape[1] * shape[2])))
    return (2 * np.arange(count, dtype=np.int64) + 1) * shape[0] // (2 * count)


@dataclass(frozen=True)
class _Counted:
    """Histogram, smallest and largest value (which may lie beyond it), and the values of the slices' corners."""

    histogram: Histogram
    limits: tuple[float, float]
    corners: set[float]


def _count_narrow(volume: Volume, mask: Volume | None, planes: NDArray[np.int64]) -> _Counted:
    """Histogram of grey values of 8 or 16 bits, a bin each, from the smallest to the largest, and the values of the corners."""
    lowest = 0 if volume.dtype.kind == "b" else int(np.iinfo(volume.dtype).min)
    counts = np.zeros(2 ** (8 * volume.dtype.itemsize), np.int64)
    corners: set[float] = set()
    for _, grey, material in _slabs(volume, mask, planes):
        kernels.count_integers(_plain(grey), material, lowest, counts)
        corners |= _corners(grey)
    histogram = Histogram(counts.astype(np.float64), float(lowest), 1.0).trimmed()
    return _Counted(histogram, (float(histogram.centres[0]), float(histogram.centres[-1])), corners)


def _count_wide(volume: Volume, mask: Volume | None, planes: NDArray[np.int64]) -> _Counted:
    """Histogram of other grey values: a first pass finds their range, a second one counts."""
    low, high = np.inf, -np.inf
    corners: set[float] = set()
    subset = []
    stride = max(1, planes.size * volume.shape[1] * volume.shape[2] // 2**20)
    for run, grey, material in _slabs(volume, mask, planes):
        flat = _plain(grey)
        slab_low, slab_high, fault = kernels.extremes(flat, material)
        if fault != kernels.NO_VOXEL:
            plane, within = divmod(fault, grey[0].size)
            y, x = divmod(within, grey.shape[2])
            raise NotFiniteError(flat[fault], (int(run[plane]), int(y), int(x)))
        low, high = min(low, slab_low), max(high, slab_high)
        corners |= _corners(grey)
        thinned = flat.reshape(len(grey), -1)[:, ::stride]
        kept = thinned[material.reshape(len(grey), -1)[:, ::stride]] if material.size else thinned.ravel()
        subset.append(kept.astype(np.float64))
    if low >= high:
        return _Counted(Histogram(np.full(1, float(low == high)), low, 1.0), (low, high), corners)
    counts, origin, width = _bins(volume.dtype, (low, high), np.concatenate(subset))
    for _, grey, material in _slabs(volume, mask, planes):
        kernels.count_floats(_plain(grey), material, origin - width / 2, width, counts)
    return _Counted(Histogram(counts.astype(np.float64), origin, width), (low, high), corners)


def _bins(
    dtype: np.dtype[Any], limits: tuple[float, float], subset: NDArray[np.float64]
) -> tuple[NDArray[np.int64], float, float]:
    first, last = np.quantile(subset, [0.0005, 0.9995]) if subset.size else limits
    reach = last - first
    low, high = max(limits[0], first - reach), min(limits[1], last + reach)
    if high <= low:
        low, high = limits
    width = (high - low) / (FLOAT_BINS - 1)
    if step := _step(subset):
        low = limits[0] + np.floor((low - limits[0]) / step) * step
        width = step * max(1.0, np.ceil((high - low) / step / (FLOAT_BINS - 1)))
    elif dtype.kind != "f":
        width = max(1.0, np.ceil(width))
    return np.zeros(round((high - low) / width) + 1, np.int64), float(low), float(width)


def _step(values: NDArray[np.float64]) -> float | None:
    """Step between grey values that were whole numbers once, as 8 bits stored as float32; finer bins would be empty between."""
    distinct = np.unique(values)
    if not 2 <= distinct.size <= 2**16:
        return None
    gaps = np.diff(distinct)
    counts = np.rint(gaps / gaps.min())
    step = float((distinct[-1] - distinct[0]) / counts.sum())
    return step if np.abs(gaps / step - np.rint(gaps / step)).max() < 0.05 else None


def _corners(grey: NDArray[Any]) -> set[float]:
    return {float(value) for value in grey[:, [0, 0, -1, -1], [0, -1, 0, -1]].ravel()}


def _padding(counted: _Counted) -> tuple[float, int] | None:
    """Grey value of the padding and its bin."""
    counts = counted.histogram.counts
    if len(counted.corners) != 1 or np.count_nonzero(counts) < MIN_GREYS:
        return None
    (value,) = counted.corners
    for bin_, limit in zip((0, -1), counted.limits, strict=True):
        if value == limit and 0.02 < counts[bin_] / counts.sum() < 0.9:
            return value, bin_
    return None


def _slabs(
    volume: Volume, mask: Volume | None, planes: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[Any], NDArray[np.bool_]]]:
    """Indices of slices, their grey values and flat mask (empty for none), some slices at a time.

    Slices that lie in the same chunks of the file are read together, with those between them.
    """
    per_slice = volume.shape[1] * volume.shape[2] * volume.dtype.itemsize
    layers = SLAB_BYTES // (per_slice * volume.chunk_z)
    longest = layers * volume.chunk_z if layers else volume.chunk_z
    apart = np.diff(planes) != 1 if volume.chunk_z == 1 or volume.chunk_z * per_slice > 4 * SLAB_BYTES else False
    breaks = np.flatnonzero(apart | (np.diff(planes // longest) != 0)) + 1
    for run in np.split(planes, breaks):
        z0, z1 = int(run[0]), int(run[-1]) + 1
        grey = volume.read(z0, z1)
        inside = None if mask is None else material_of(mask.read(z0, z1), z0)
        if len(run) < len(grey):
            grey, inside = grey[run - z0], None if inside is None else inside[run - z0]
        yield run, grey, kernels.flat_mask(inside)


def _plain(grey: NDArray[Any]) -> NDArray[Any]:
    """Flat, of a type that the kernels know: numba has neither float16 nor bool arithmetic."""
    flat = grey.reshape(-1)
    if flat.dtype.kind == "b":
        return flat.view(np.uint8)
    return flat.astype(np.float32) if flat.dtype == np.float16 else flat
