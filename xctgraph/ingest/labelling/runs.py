"""Runs of voxels of one code along x, found in a slab. A pure function of the slab, so slabs can be worked on in parallel."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling.growth import grown
from xctgraph.ingest.labelling.levels import NOT_FINITE, NotFiniteError
from xctgraph.ingest.labelling.slab import Slab, plain
from xctgraph.store.errors import InputError
from xctgraph.store.jit import njit
from xctgraph.store.labels import Labels

Codes = NDArray[np.uint8]
INT64_MAX = int(np.iinfo(np.int64).max)


class Runs(NamedTuple):
    """Runs in C order.

    `spans` (n, 4) int32: z, y, first x and one past the last; `code` (n,) int64, class or instance; the runs of row r of the
    slab are `rows[r]` to `rows[r + 1]`.
    """

    spans: NDArray[np.int32]
    code: NDArray[np.int64]
    rows: NDArray[np.int64]


def extract(slab: Slab) -> Runs:
    """Find the runs of equal, non-zero code of a slab.

    Raises
    ------
    InputError
        If a code is negative or not an integer.
    VolumeError
        If a grey value is not finite.
    """
    if slab.known is not None:
        return _known(slab.known, slab.z0, slab.z0 + slab.n_slices)
    values = slab.values
    n_y, n_x = values.shape[1:]
    # Without a sample mask every row lies inside the one row of this one.
    inside = np.ones((1, n_x), np.bool_)
    if slab.levels is not None:
        if slab.material is not None:
            inside = np.require(slab.material, np.bool_, ("C", "W")).reshape(-1, n_x)
        lines, levels = np.require(values, requirements=("C", "W")).reshape(-1, n_x), slab.levels
    else:
        if values.dtype.kind not in "biu":
            raise InputError(f"classes and instances are whole numbers, but the slab at z = {slab.z0} holds {values.dtype}")
        if values.dtype == np.uint64 and values.size and values.max() > INT64_MAX:
            raise InputError(f"instance {values.max()} is too large: features are numbers up to {INT64_MAX} (2^63 - 1)")
        lines, levels = plain(values, ("uint8", "int32", "int64")).reshape(-1, n_x), None
    rows = np.zeros(len(lines) + 1, np.int64)
    spans, code = np.empty((n_x, 4), np.int32), np.empty(n_x, np.int64)
    # Classes of one row, a whole number of words long.
    line = np.zeros(-(-n_x // 8) * 8, np.uint8)
    row = n = 0
    while row < len(lines):
        spans, code = grown(spans, n + n_x), grown(code, n + n_x)
        if levels is not None:
            row, n = _extract_levels(lines, inside, *levels, line, n_y, slab.z0, row, n, rows, spans, code)
        elif lines.dtype == np.uint8:
            row, n = _extract_classes(lines, line, n_y, slab.z0, row, n, rows, spans, code)
        else:
            row, n = _extract_instances(lines, n_y, slab.z0, row, n, rows, spans, code)
    rows[-1] = n
    if levels is not None and np.any(code[:n] == NOT_FINITE):
        z, y, x, _ = spans[:n][code[:n] == NOT_FINITE][0]
        raise NotFiniteError(values[z - slab.z0, y, x], (int(z), int(y), int(x)))
    if n and code[:n].min() < 0:
        raise InputError(f"instance {code[:n].min()} is negative: features are positive numbers, background is 0")
    return Runs(spans[:n].copy(), code[:n].copy(), rows)


def _known(labels: Labels, z0: int, z1: int) -> Runs:
    """Runs of features that are known, in the slices z0 to z1 - 1."""
    n_y = labels.shape[1]
    rows = labels.row_offsets[z0 * n_y : z1 * n_y + 1]
    part = slice(int(rows[0]), int(rows[-1]))
    spans = np.stack([column[part] for column in (labels.z, labels.y, labels.x_start, labels.x_stop)], axis=1)
    return Runs(spans, labels.label[part].astype(np.int64), rows - rows[0])


@njit
def _append(
    line: Codes, words: NDArray[np.uint64], width: int, z: int, y: int, n: int, spans: NDArray[np.int32], codes: NDArray[np.int64]
) -> int:
    """Append the runs of one row of classes; returns the number of runs. Empty stretches are skipped eight voxels at a time."""
    x = 0
    while x < width:
        code = line[x]
        if code == 0:
            x += 8 if x & 7 == 0 and words[x >> 3] == 0 else 1
            continue
        start = x
        while x < width and line[x] == code:
            x += 1
        spans[n, 0] = z
        spans[n, 1] = y
        spans[n, 2] = start
        spans[n, 3] = x
        codes[n] = code
        n += 1
    return n


@njit
def _extract_levels(
    lines: NDArray[Any],
    inside: NDArray[np.bool_],
    low: Any,
    high: Any,
    padding: Any,
    dark_class: np.uint8,
    bright_class: np.uint8,
    line: Codes,
    n_y: int,
    z0: int,
    row: int,
    n: int,
    rows: NDArray[np.int64],
    spans: NDArray[np.int32],
    codes: NDArray[np.int64],
) -> tuple[int, int]:
    """Append the runs of the rows from `row` on, while there is room; returns the next row, and the number of runs."""
    n_rows, width = lines.shape
    words = line.view(np.uint64)
    masked = len(inside) == n_rows
    while row < n_rows and n + width <= len(spans):
        rows[row] = n
        grey = lines[row]
        mask = inside[row if masked else 0]
        # One loop over the row in the types of the volume, without a branch, so that it becomes vector instructions.
        seen = False
        for x in range(width):
            value = grey[x]
            code = bright_class if value > high else dark_class if value < low else np.uint8(0)
            code = np.uint8(0) if value == padding else code
            code = code if value - value == 0 else NOT_FINITE
            code = code if mask[x] else np.uint8(0)
            line[x] = code
            seen |= code != 0
        if seen:
            n = _append(line, words, width, z0 + row // n_y, row % n_y, n, spans, codes)
        row += 1
    return row, n


@njit
def _extract_classes(
    lines: Codes,
    line: Codes,
    n_y: int,
    z0: int,
    row: int,
    n: int,
    rows: NDArray[np.int64],
    spans: NDArray[np.int32],
    codes: NDArray[np.int64],
) -> tuple[int, int]:
    """Append the runs of the rows from `row` on, while there is room; returns the next row, and the number of runs."""
    n_rows, width = lines.shape
    words = line.view(np.uint64)
    while row < n_rows and n + width <= len(spans):
        rows[row] = n
        classes = lines[row]
        seen = False
        for x in range(width):
            line[x] = classes[x]
            seen |= classes[x] != 0
        if seen:
            n = _append(line, words, width, z0 + row // n_y, row % n_y, n, spans, codes)
        row += 1
    return row, n


@njit
def _extract_instances(
    lines: NDArray[Any],
    n_y: int,
    z0: int,
    row: int,
    n: int,
    rows: NDArray[np.int64],
    spans: NDArray[np.int32],
    codes: NDArray[np.int64],
) -> tuple[int, int]:
    """Append the runs of the rows from `row` on, while there is room; returns the next row, and the number of runs."""
    n_rows, width = lines.shape
    while row < n_rows and n + width <= len(spans):
        rows[row] = n
        line = lines[row]
        x = 0
        while x < width:
            while x < width and line[x] == 0:
                x += 1
            if x < width:
                code = line[x]
                start = x
                while x < width and line[x] == code:
                    x += 1
                spans[n, 0] = z0 + row // n_y
                spans[n, 1] = row % n_y
                spans[n, 2] = start
                spans[n, 3] = x
                codes[n] = code
                n += 1
        row += 1
    return row, n
