"""The material of a scan as a window, from the sample mask or the box of the scan."""

from __future__ import annotations

import numpy as np

from xctgraph.analysis.density.window import Bools, Window
from xctgraph.store import Store
from xctgraph.store.errors import InputError

MOST_VOXELS = 4_000_000


def window(store: Store, sample: str, t: int) -> Window:
    """Material of a scan; a mask is taken at the middles of cells so large that there are at most about four million.

    Raises
    ------
    InputError
        If there is no such scan.
    """
    scans = store.read("scans", sample=sample, t=t).to_pylist()
    if not scans:
        raise InputError(f"sample {sample!r} has no scan {t}: `xctgraph info` lists those of the store")
    (scan,) = scans
    (known,) = store.read("samples", sample=sample).to_pylist()
    spacing = np.array([known[f"voxel_{axis}"] for axis in "zyx"])
    first = np.array([scan[f"roi_{axis}_min"] or 0 for axis in "zyx"])
    last = [scan[f"roi_{axis}_max"] for axis in "zyx"]
    stop = np.array([scan[f"n_{axis}"] if end is None else end for axis, end in zip("zyx", last, strict=True)])
    low = (first - 0.5) * spacing
    runs = store.read("material_runs", sample=sample, t=t)
    if not runs.num_rows:
        return Window.box(low, (stop - 0.5) * spacing)
    z, y, start, end = (runs[name].to_numpy().astype(np.int64) for name in ("z", "y", "x_start", "x_stop"))
    step = max(1, int(np.ceil(np.cbrt((stop - first).prod() / MOST_VOXELS))))
    return Window(_coarse(z - first[0], y - first[1], start - first[2], end - first[2], stop - first, step), step * spacing, low)


def _coarse(
    z: np.ndarray, y: np.ndarray, start: np.ndarray, stop: np.ndarray, shape: np.ndarray, step: int
) -> Bools:  # fmt: skip
    """Cells of `step` voxels along each axis whose middle voxel lies in a run."""
    middle = step // 2
    inside = np.zeros([max(1, n // step) for n in shape], np.bool_)
    chosen = (z % step == middle) & (y % step == middle) & (z // step < inside.shape[0]) & (y // step < inside.shape[1])
    change = np.zeros((inside.shape[0], inside.shape[1], inside.shape[2] + 1), np.int32)
    for edge, sign in ((start, 1), (stop, -1)):
        cell = np.clip(-((middle - edge[chosen]) // step), 0, inside.shape[2])
        np.add.at(change, (z[chosen] // step, y[chosen] // step, cell), sign)
    inside[:] = np.cumsum(change, axis=2)[:, :, :-1] > 0
    return inside
