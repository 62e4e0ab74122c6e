"""All properties of all features, as one table."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xctgraph.ingest.labelling import Labelled
from xctgraph.ingest.measurement.feret import feret_diameters
from xctgraph.ingest.measurement.shape import axes, centroid, covariance
from xctgraph.ingest.measurement.surface import surface_area
from xctgraph.ingest.measurement.sweep import sweep
from xctgraph.store.errors import InputError
from xctgraph.store.schema import FEATURES

Spacing = tuple[float, float, float]

# At the shares of labelling.quantiles.SHARES.
_QUANTILES = ("q05", "q25", "median", "q75", "q95")
_TYPES = {"int64": pa.int64(), "int32": pa.int32(), "float64": pa.float64(), "bool": pa.bool_()}


def measure(labelled: Labelled, spacing: Spacing, workers: int = 1) -> pa.Table:
    """Measure every feature.

    Parameters
    ----------
    labelled
        Result of `labelling.label`.
    spacing
        Voxel size (dz, dy, dx) in micrometres.
    workers
        Threads; the result is the same to the last bit.

    Returns
    -------
    Table with one row per label, in order, and the columns of `schema.FEATURES` that follow from one scan alone, with their
    names, types and units, from `label` to `border_touching`. `source_label` is null unless instances were given, the
    intensities are null without grey values, `euler_number` is null for 18-connectivity.

    Raises
    ------
    InputError
        If the spacing is not three positive numbers.
    """
    size = np.asarray(spacing, np.float64)
    if size.shape != (3,) or not (np.isfinite(size).all() and (size > 0).all()):
        raise InputError(f"voxel size {spacing} is not valid: three positive numbers (dz, dy, dx) in micrometres are needed")
    spacing = (float(size[0]), float(size[1]), float(size[2]))
    columns = _position(labelled, size) | _shape(labelled, spacing, workers) | _grey(labelled)
    columns["label"] = np.arange(1, labelled.n + 1)
    columns["source_label"] = labelled.source_label
    columns["border_touching"] = labelled.border_touching
    return pa.table({c.name: _column(columns[c.name], labelled.n, c.type) for c in FEATURES.columns if c.name in columns})


def _column(values: NDArray[np.generic] | None, n: int, type_: str) -> pa.Array:
    return pa.nulls(n, _TYPES[type_]) if values is None else pa.array(values, _TYPES[type_])


def _position(labelled: Labelled, size: NDArray[np.float64]) -> dict[str, NDArray[np.generic] | None]:
    centre = centroid(labelled.moments)
    box = labelled.moments.box
    columns: dict[str, NDArray[np.generic] | None] = {}
    for k, axis in enumerate("zyx"):
        columns[f"v{axis}"] = centre[:, k]
        columns[axis] = centre[:, k] * size[k]
        columns[f"bbox_{axis}_min"] = box[:, k]
        columns[f"bbox_{axis}_max"] = box[:, k + 3]
    return columns


def _shape(labelled: Labelled, spacing: Spacing, workers: int) -> dict[str, NDArray[np.generic] | None]:
    n_voxels = labelled.moments.n_voxels
    volume = n_voxels * np.prod(spacing)
    counts = sweep(labelled.labels, labelled.connectivity, workers)
    area = surface_area(n_voxels, counts.pairs, spacing)
    cov = covariance(labelled.moments, spacing)
    principal = axes(cov, workers)
    feret = feret_diameters(labelled.labels, labelled.moments.origin, principal.direction, spacing, workers)
    columns: dict[str, NDArray[np.generic] | None] = {
        "n_voxels": n_voxels,
        "volume": volume,
        "equivalent_diameter": np.cbrt(6 * volume / np.pi),
        "surface_area": area,
        "sphericity": np.cbrt(np.pi) * np.cbrt(6 * volume) ** 2 / area,
        "feret_diameter_max": feret[:, 0],
        "feret_diameter_min": feret[:, 1],
        "euler_number": None if labelled.connectivity == 18 else counts.euler,
    }
    columns |= {f"cov_{pair}": cov[:, k] for k, pair in enumerate(("zz", "zy", "zx", "yy", "yx", "xx"))}
    columns |= {f"axis_{name}_length": principal.length[:, k] for k, name in enumerate(("major", "intermediate", "minor"))}
    for name, k in (("major", 0), ("minor", 2)):
        columns |= {f"{name}_{axis}": principal.direction[:, k, j] for j, axis in enumerate("zyx")}
    return columns


def _grey(labelled: Labelled) -> dict[str, NDArray[np.generic] | None]:
    grey = labelled.grey
    columns: dict[str, NDArray[np.generic] | None] = {
        "intensity_mean": grey.mean if grey else None,
        "intensity_std": grey.std if grey else None,
        "intensity_min": grey.minimum if grey else None,
        "intensity_max": grey.maximum if grey else None,
    }
    columns |= {f"intensity_{name}": grey.quantiles[:, k] if grey else None for k, name in enumerate(_QUANTILES)}
    return columns
