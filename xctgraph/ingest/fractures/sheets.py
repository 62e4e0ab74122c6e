"""Fractures told apart into sheets: patches that are single-valued over the plane of their columns, such as branches.

A skeleton of a smooth sheet has hundreds of branches; here a patch ends only where a sheet forks into two of some area.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from xctgraph.ingest.fractures import columns as _columns
from xctgraph.ingest.fractures.columns import Columns, Floats, Ints, Spacing

_FORK_WIDTH = 2
_WIDEST_FORK = 12
_STEEP = 3.0
_STEEP_VOXELS = 6
_UPRIGHT = 2.0
_NARROW = 0.75
_SEAM_WIDTH = 8
_BRIDGE = 3
_MERGED = 16
_THICK = 1.6
_DEEPEST = 3
_SHARED = 0.05
_SAME = 0.05
_BESIDE = 3.0
_WITHIN = 0.5
_MISFIT = 2.5
_KINK = 0.25
_ACROSS = 8
_MOST_FITTED = 4000
_MOST_SHEETS = 60
"""Widths are steps from run to run, thicknesses multiples of the median one; `_SHARED`, `_SAME` and `_WITHIN` are shares,
`_MISFIT` a multiple of the pieces' own misfit and `_KINK` of the thickness. Chosen on discs with branches
in random orientations."""


class Sheet(NamedTuple):
    """One patch: the columns it was found in, and per run whether it belongs to it.

    `whole` is false for runs of which the patch takes a part only: it runs on through them. `seam` are those that it shares
    with another patch of the same columns.
    """

    columns: Columns
    runs: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    seam: NDArray[np.bool_]


def sheets(voxels: Ints, spacing: Spacing, least_area: float) -> list[Sheet]:
    """Tell a fracture apart into patches, the largest first.

    Runs of voxels along the axis on which the fracture shows the largest area are joined to sheets; where a run touches two
    of a neighbouring column, the sheet forks. Pieces between forks are joined again two by two, those first whose heights
    one cubic surface fits best, as long as they don't lie above one another. Parts so steep that they fill whole columns are
    told apart along an axis of their own.

    Parameters
    ----------
    voxels : (m, 3) int64, (z, y, x), m > 0
    spacing : (dz, dy, dx), um
    least_area : float
        Area of the smallest patch, seen along its axis, um^2; the largest is a patch in any case.
    """
    kept: list[Sheet] = []
    by_size = sorted(_sheets(voxels, spacing, least_area, _DEEPEST), key=lambda sheet: -_size(sheet))
    for sheet in by_size:
        _add(kept, sheet, spacing)
    return kept


def _add(kept: list[Sheet], sheet: Sheet, spacing: Spacing) -> None:
    """Add a sheet, or join it with the one it is a part of: what was told apart along two axes may be one sheet still."""
    points = _middles(sheet, spacing)
    within = float(np.median(sheet.columns.thickness[sheet.runs])) * min(spacing)
    for k, other in enumerate(kept):
        theirs = _middles(other, spacing)
        within = min(within, float(np.median(other.columns.thickness[other.runs])) * min(spacing))
        distance = np.asarray(cKDTree(theirs).query(points)[0])
        flat = _unevenness(np.concatenate([points, theirs])) <= max(_unevenness(points), _unevenness(theirs)) + within / 2
        if other.columns is not sheet.columns and flat and np.mean(distance <= _BESIDE * within) >= _SAME:
            both = _columns.columns(np.unique(np.concatenate([_voxels_in(other), _voxels_in(sheet)]), axis=0), spacing)
            everything = np.ones(len(both.u), np.bool_)
            whole = both.thickness <= _STEEP * np.median(both.thickness)
            kept[k] = Sheet(both, _first_of_column(both, everything, everything), whole, ~everything)
            return
        if np.mean(distance <= within) >= _WITHIN:
            return
    kept.append(sheet)


def _size(sheet: Sheet) -> int:
    """Voxels of a sheet."""
    return int(sheet.columns.thickness[sheet.runs].sum())


def _unevenness(points: Floats) -> float:
    """Standard deviation of points from the plane that fits them best, um."""
    return float(np.sqrt(max(np.linalg.eigvalsh(np.cov(points, rowvar=False, bias=True))[0], 0.0)))


def _voxels_in(sheet: Sheet) -> Ints:
    return _voxels(sheet.columns, np.flatnonzero(sheet.runs))


def _middles(sheet: Sheet, spacing: Spacing) -> Floats:
    """Middles of some runs of a sheet, (k, 3), (z, y, x), um."""
    sure = sheet.runs & sheet.whole & ~sheet.seam
    cut, flat = sheet.columns, _sample(sheet.columns, sure if sure.any() else sheet.runs, spacing)
    points = np.empty_like(flat)
    points[:, [*cut.across, cut.axis]] = flat
    return np.asarray(points + cut.low * np.asarray(spacing), dtype=np.float64)


def _area(cut: Columns, spacing: Spacing) -> float:
    return float(np.prod([spacing[k] for k in cut.across]))


def _sheets(voxels: Ints, spacing: Spacing, least_area: float, depth: int) -> list[Sheet]:
    cut = _columns.columns(voxels, spacing)
    least = least_area / _area(cut, spacing)
    typical = float(np.median(cut.thickness))
    steep = cut.thickness > max(_STEEP * typical, typical + _STEEP_VOXELS)
    label = _pieces(cut, ~steep, least)
    # Sheets along the columns are better told along an axis of their own, with what is left of them beside the forks.
    mean = np.bincount(label, cut.thickness) / np.maximum(np.bincount(label), 1)
    upright = mean > _UPRIGHT * typical
    upright[[0, 1]] = False
    steep |= upright[label] | ((label == 0) & (cut.thickness > _UPRIGHT * typical))
    label[upright[label]] = 0
    if label.max(initial=0) > 1:
        label = _joined(cut, label, spacing)
    whole = ~steep & ~_merged(cut, label)
    names = np.unique(label[label > 0])
    # The runs between pieces belong to all of them: the sheets lie in them side by side.
    between = (label == 0) & ~steep
    nearest = _columns.spread(cut.grid, label, between, -1)
    members = []
    for k in names:
        runs = (nearest == k) | (_columns.spread(cut.grid, np.where(label == k, 1, 0), between, _SEAM_WIDTH) > 0)
        # Where a sheet stands upright on this one, this one runs on below it.
        members.append(_columns.spread(cut.grid, runs.astype(np.int64), steep, _BRIDGE) > 0)
    seam = np.sum(members, axis=0) > 1
    found = [Sheet(cut, _first_of_column(cut, runs, label == k), whole, seam) for k, runs in zip(names, members, strict=True)]
    if depth and steep.any():
        found += _steep(cut, steep, spacing, least_area, depth)
    return found


def _pieces(cut: Columns, plain: NDArray[np.bool_], least: float) -> Ints:
    """Pieces between the forks with the voxels of at least `least` columns, from 1; 0 elsewhere. The largest is always one."""
    fork = _columns.forks(cut.grid)
    # A sheet that is steep along the axis has few columns, but long ones.
    least_voxels = least * float(np.median(cut.thickness))
    width = _FORK_WIDTH
    while True:
        near = _columns.spread(cut.grid, fork.astype(np.int64), plain, width) > 0
        label = _columns.components(cut.grid, plain & ~near)
        size = _voxels_of(cut, label)
        repeated = _repeats(cut.offsets, label, len(size))
        leaks = (repeated[1:] > _SHARED * np.bincount(label, minlength=2)[1:]) & (size[1:] >= least_voxels)
        if width >= _WIDEST_FORK or not leaks.any():
            break
        # Two sheets that touch beside their fork are one piece still: the gap about the forks must be wider.
        width += 2
    if not label.any():
        label = _columns.components(cut.grid, np.ones(len(plain), np.bool_))
        size = _voxels_of(cut, label)
    size[0] = 0
    order = np.argsort(-size, kind="stable")
    kept = [k for k in order[:_MOST_SHEETS] if size[k] >= least_voxels] or [int(order[0])]
    number = np.zeros(len(size), np.int64)
    number[kept] = np.arange(1, len(kept) + 1)
    return number[label]


def _voxels_of(cut: Columns, label: Ints) -> Floats:
    return np.bincount(label, cut.thickness, minlength=2).astype(np.float64)


def _merged(cut: Columns, label: Ints) -> NDArray[np.bool_]:
    """Runs that hold two sheets before these part: about the forks between pieces, and thicker than is typical."""
    if len(np.unique(label[label > 0])) < 2:
        return np.zeros(len(label), np.bool_)
    far = _columns.spread(cut.grid, label, label == 0, -1)
    beside = _columns.borders(cut.grid, far)
    everywhere = np.ones(len(label), np.bool_)
    near = _columns.spread(cut.grid, beside.astype(np.int64), everywhere, _MERGED) > 0
    return near & (cut.thickness > _THICK * np.median(cut.thickness))


def _repeats(offsets: Ints, label: Ints, count: int) -> Ints:
    """Columns that hold two runs of a label in a row, (count,)."""
    column = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    again = (label[1:] == label[:-1]) & (label[1:] > 0) & (column[1:] == column[:-1])
    return np.bincount(label[1:][again], minlength=count)


def _joined(cut: Columns, label: Ints, spacing: Spacing) -> Ints:
    """Pieces joined across forks, the best continuation first."""
    label = label.copy()
    count = int(label.max())
    grown = _columns.spread(cut.grid, label, np.ones(len(label), np.bool_), _ACROSS)
    touching = _columns.contacts(cut.grid, grown, count)
    above = _columns.shared(cut.offsets, label, count)
    size = np.bincount(label, minlength=count + 1)
    points = [_sample(cut, label == k, spacing) for k in range(count + 1)]
    thickness = float(np.median(cut.thickness)) * spacing[cut.axis]
    alive = set(range(1, count + 1))

    def crossing(a: int, b: int) -> bool:
        return bool(above[min(a, b), max(a, b)] > _SHARED * min(size[a], size[b]))

    def cost(a: int, b: int) -> float:
        if not touching[a, b] or crossing(a, b):
            return np.inf
        # Two branches of one sheet, side by side: not each the continuation of the other, with that sheet passing between them.
        passing = (crossing(a, c) and crossing(b, c) and size[c] > size[a] + size[b] for c in alive - {a, b})
        if any(passing):
            return np.inf
        together = _misfit(points[a], points[b])
        apart = max(_misfit(points[a], points[a]), _misfit(points[b], points[b]))
        return together if together <= _MISFIT * apart + _KINK * thickness else np.inf

    while True:
        costs = {(a, b): cost(a, b) for a in alive for b in alive if a < b}
        (a, b), best = min(costs.items(), key=lambda item: item[1], default=((0, 0), np.inf))
        if not np.isfinite(best):
            return label
        label[label == b] = a
        alive.discard(b)
        size[a] += size[b]
        points[a] = np.concatenate([points[a], points[b]])
        for c in range(1, count + 1):
            for table in (touching, above):
                if c != a:
                    table[min(a, c), max(a, c)] += table[min(b, c), max(b, c)]


def _sample(cut: Columns, chosen: NDArray[np.bool_], spacing: Spacing) -> Floats:
    """Some middles of runs, (k, 3): u, v and height in um."""
    rows = np.flatnonzero(chosen)
    rows = rows[:: max(1, len(rows) // _MOST_FITTED)]
    first, second = cut.across
    return np.stack([cut.u[rows] * spacing[first], cut.v[rows] * spacing[second], cut.middle[rows] * spacing[cut.axis]], axis=1)


def _misfit(a: Floats, b: Floats) -> float:
    """Root mean square distance of both from one cubic surface, each with the same weight."""
    both = np.concatenate([a, b])
    weight = np.sqrt(np.r_[np.full(len(a), 1 / len(a)), np.full(len(b), 1 / len(b))] / 2)
    scaled = (both[:, :2] - both[:, :2].mean(axis=0)) / np.maximum(both[:, :2].std(axis=0), 1e-9)
    u, v = scaled.T
    terms = np.stack([u**i * v**j for i in range(4) for j in range(4 - i)], axis=1) * weight[:, None]
    height = both[:, 2] * weight
    solution, *_ = np.linalg.lstsq(terms, height, rcond=None)
    return float(np.sqrt(((terms @ solution - height) ** 2).sum()))


def _first_of_column(cut: Columns, runs: NDArray[np.bool_], core: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of the chosen runs in one column one: of the core of the sheet where there is one, else the thickest."""
    rows = np.flatnonzero(runs)
    key = cut.u[rows] * cut.size[1] + cut.v[rows]
    order = np.lexsort([-cut.thickness[rows], ~core[rows], key])
    first = np.zeros(len(runs), np.bool_)
    first[rows[order[np.r_[True, np.diff(key[order]) != 0]]]] = True
    return first


def _steep(cut: Columns, steep: NDArray[np.bool_], spacing: Spacing, least_area: float, depth: int) -> list[Sheet]:
    """Sheets among the runs along which a sheet stands; strips as narrow as the seam of two sheets are none."""
    group = _columns.components(cut.grid, steep)
    size = np.bincount(group, cut.thickness)
    found = []
    for k in range(1, len(size)):
        if size[k] * np.prod(spacing) < least_area * min(spacing):
            continue
        for sheet in _sheets(_voxels(cut, np.flatnonzero(group == k)), spacing, least_area, depth - 1):
            large = np.count_nonzero(sheet.runs) * _area(sheet.columns, spacing) >= least_area
            if large and _width(sheet, spacing) >= _NARROW * np.sqrt(least_area):
                found.append(sheet)
    return found


def _width(sheet: Sheet, spacing: Spacing) -> float:
    """Smaller extent of a sheet within itself, um: that of the rectangle with the same second moments."""
    spread = np.linalg.eigvalsh(np.cov(_sample(sheet.columns, sheet.runs, spacing), rowvar=False, bias=True))
    return float(np.sqrt(12 * max(spread[1], 0.0)))


def _voxels(cut: Columns, runs: Ints) -> Ints:
    """Voxels (m, 3) of the runs."""
    length = cut.thickness[runs]
    start = np.repeat(np.cumsum(length) - length, length)
    voxels = np.empty((int(length.sum()), 3), np.int64)
    first, second = cut.across
    voxels[:, first] = np.repeat(cut.u[runs], length)
    voxels[:, second] = np.repeat(cut.v[runs], length)
    voxels[:, cut.axis] = np.repeat(cut.bottom[runs], length) + np.arange(len(voxels)) - start
    return np.asarray(voxels + cut.low, dtype=np.int64)
