"""Directions of the major axes against the load."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from xctgraph.analysis.characterise.interval import FEWEST
from xctgraph.analysis.characterise.scan import Scan
from xctgraph.analysis.density.window import Bools, Floats

LEAST_VOXELS = 50
LEAST_ELONGATION = 1.1
CELLS = 48
AXES = {"z": 0, "y": 1, "x": 2}


def usable(scan: Scan, kind: str, voxel: float) -> Bools:
    """Features whose major axis says something: 50 voxels or more, and 1.1 times as long as the intermediate axis, or longer.

    Smaller ones take the directions of the grid, rounder ones that of the noise (docs/accuracy.md).
    """
    with np.errstate(invalid="ignore"):
        large = scan.values["volume"] >= (LEAST_VOXELS - 0.5) * voxel
        long = scan.values["axis_major_length"] >= LEAST_ELONGATION * scan.values["axis_intermediate_length"]
    # Tables of other programs may give a direction and no intermediate axis.
    unknown = np.isnan(scan.values["axis_intermediate_length"])
    return np.asarray(scan.of(kind) & large & (long | unknown) & ~np.isnan(scan.major).any(axis=1), np.bool_)


def orientation(scan: Scan, kind: str, voxel: float, load: str) -> dict[str, Any]:
    """Orientation tensor of the major axes, and a test of all directions being equally frequent.

    The tensor is the mean of n n^T; of axes at random its eigenvalues are 1/3 each. Bingham's test: 15/2 n (tr T^2 - 1/3) is
    chi-squared with 5 degrees of freedom (K. V. Mardia & P. E. Jupp, Directional Statistics, 2000, section 10.7.1), features
    taken as independent. `mean_cos2` is the mean squared cosine with the load: 1/3 at random, 1 along it, 0 across.
    """
    chosen = usable(scan, kind, voxel)
    axes, n = scan.major[chosen], int(chosen.sum())
    row: dict[str, Any] = {"t": scan.t, "kind": kind, "load_axis": load, "n": n, "n_left_out": int(scan.of(kind).sum()) - n}
    names = ("eigenvalue_1", "eigenvalue_2", "eigenvalue_3", "mean_z", "mean_y", "mean_x", "mean_cos2", "median_angle_deg", "p")
    row |= dict.fromkeys(names, float("nan"))
    if n < FEWEST:
        return row
    tensor = axes.T @ axes / n
    eigenvalue, vector = np.linalg.eigh(tensor)
    mean = vector[:, 2] * (1.0 if vector[0, 2] >= 0 else -1.0)
    cosine = np.abs(axes[:, AXES[load]])
    row |= {f"eigenvalue_{i}": float(value) for i, value in enumerate(eigenvalue[::-1], 1)}
    row |= {f"mean_{axis}": float(value) for axis, value in zip("zyx", mean, strict=True)}
    row["mean_cos2"] = float((cosine**2).mean())
    row["median_angle_deg"] = float(np.degrees(np.arccos(np.clip(np.median(cosine), 0, 1))))
    row["p"] = float(chi2.sf(7.5 * n * (float((tensor**2).sum()) - 1 / 3), 5))
    return row


def poles(scan: Scan, kind: str, voxel: float, load: str) -> list[dict[str, Any]]:
    """Major axes in an equal-area (Lambert, Schmidt) projection along the load, counted in cells of equal area.

    The load stands in the middle, axes across it on the rim of radius 1; the two others follow in the order z, y, x, to the
    right and up. `u` and `v` are the middles of the cells.
    """
    u, v = project(scan.major[usable(scan, kind, voxel)], load)
    step = [np.minimum(np.floor((w + 1) / 2 * CELLS), CELLS - 1).astype(np.int64) for w in (u, v)]
    cell, count = np.unique(step[0] * CELLS + step[1], return_counts=True)
    return [
        {"t": scan.t, "kind": kind, "u": (2 * (i // CELLS) + 1) / CELLS - 1, "v": (2 * (i % CELLS) + 1) / CELLS - 1, "n": n}
        for i, n in zip(cell.tolist(), count.tolist(), strict=True)
    ]


def project(axes: Floats, load: str) -> tuple[Floats, Floats]:
    """Lambert's azimuthal equal-area projection of axes (n, 3), z, y, x, onto a disc of radius 1 about the load."""
    middle, right, up = _frame(axes, load)
    sign = np.where(middle < 0, -1.0, 1.0)
    scale = sign / np.sqrt(1 + np.abs(middle))
    return right * scale, up * scale


def unproject(u: Floats, v: Floats) -> Floats:
    """Axes (n, 3) in the frame (load, right, up) of points of the disc."""
    square = u**2 + v**2
    scale = np.sqrt(np.maximum(2 - square, 0.0))
    return np.stack([1 - square, u * scale, v * scale], axis=-1)


def across(load: str) -> tuple[str, str]:
    """Names of the axes to the right and up."""
    first, second = (axis for axis in "zyx" if axis != load)
    return first, second


def _frame(axes: Floats, load: str) -> tuple[NDArray[np.float64], ...]:
    return tuple(axes[:, AXES[name]] for name in (load, *across(load)))
