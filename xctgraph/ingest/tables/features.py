"""Rows of `features` from a table of another program: names, units and origin made ours, and every cell checked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from xctgraph.ingest.tables import consistency
from xctgraph.ingest.tables.columns import Floats, found_columns, numeric, refuse
from xctgraph.ingest.tables.config import TableDataset
from xctgraph.ingest.tables.formats import FORMATS, SIZES
from xctgraph.ingest.tables.read import Raw, integers
from xctgraph.ingest.tables.units import to_um
from xctgraph.store.errors import InputError

_ROUNDED = 3
_EDGE = 1e-6  # voxels: what a sum of floats may be off
_TAKEN_OVER = (
    "surface_area", "sphericity", "axis_major_length", "axis_intermediate_length", "axis_minor_length",
    "intensity_mean", "intensity_std", "intensity_min", "intensity_max",
    "intensity_q05", "intensity_q25", "intensity_median", "intensity_q75", "intensity_q95", "confidence",
)  # fmt: skip


def from_raw(dataset: TableDataset, raw: Raw, kind: str | None) -> tuple[pa.Table, tuple[str, ...]]:
    """Columns of `features` that each row decides, `source_label` and `t` (where the table has it), and warnings.

    Rows are as in the file.

    Raises
    ------
    InputError
        If a column, unit or kind is missing, a cell is not what it must be, or columns contradict one another; it names the row.
    """
    found = found_columns(dataset, raw)
    spacing = dataset.sample.voxel_size_um
    values, warnings = numeric(dataset, raw, found)
    n = len(raw.frame)
    voxel = float(np.prod(spacing))
    centre = _positions(dataset, raw, found, values)
    volume = _volume(raw, found, values, voxel)
    warnings += consistency.check(raw, found, values, volume, voxel, dataset.sample.shape)
    surface = values.get("surface_area", np.full(n, np.nan))
    sphere = np.pi ** (1 / 3) * (6 * volume) ** (2 / 3)
    computed = np.divide(sphere, surface, out=np.full(n, np.nan), where=surface > 0)
    given = values.get("sphericity", computed)
    values["sphericity"] = np.where(np.isnan(given), computed, given)
    for name in ("major", "intermediate", "minor"):
        if f"semi_axis_{name}" in values and f"axis_{name}_length" not in values:
            values[f"axis_{name}_length"] = 2 * values[f"semi_axis_{name}"]
    radius = np.cbrt(3 * volume / (4 * np.pi))
    steps = np.asarray(spacing)
    high = (np.asarray(dataset.sample.shape) - 0.5) * steps
    touching = ((centre - radius[:, None] < -0.5 * steps) | (centre + radius[:, None] > high)).any(axis=1)
    if "border_touching" in values:
        touching = np.where(np.isnan(values["border_touching"]), touching, values["border_touching"] > 0)
    columns: dict[str, pa.Array] = {
        "source_label": pa.array(integers(raw, found["label"]) if "label" in found else np.arange(1, n + 1), pa.int64()),
        "kind": pa.array(_kinds(dataset, raw, found, kind), pa.string()),
        "volume": pa.array(volume),
        "equivalent_diameter": pa.array(2 * radius),
        "border_touching": pa.array(touching.astype(np.bool_)),
    }
    if "t" in values:
        refuse(raw, found["t"], np.isnan(values["t"]), values["t"], "is no scan index")
        columns["t"] = pa.array(values["t"].astype(np.int64))
    for k, axis in enumerate("zyx"):
        columns[axis] = pa.array(centre[:, k])
        columns[f"v{axis}"] = pa.array(centre[:, k] / spacing[k])
    for name in ("n_voxels", "euler_number"):
        if name in values:
            columns[name] = pa.array(values[name], from_pandas=True).cast(pa.int64())
    for name in _TAKEN_OVER:
        if name in values:
            columns[name] = pa.array(values[name], from_pandas=True)
    for axis, column in _direction(values).items():
        columns[f"major_{axis}"] = pa.array(column, from_pandas=True)
    return pa.table(columns), warnings


def ranked(features: pa.Table) -> pa.Table:
    """The rows in the order of their labels, which are set: rank of the rounded centroid in voxels, then of volume and source."""
    keys = [np.round(features[f"v{axis}"].to_numpy(), _ROUNDED) for axis in "zyx"]
    order = np.lexsort([features["source_label"].to_numpy(), -features["volume"].to_numpy(), *reversed(keys)])
    label = pa.array(np.arange(1, len(order) + 1), pa.int64())
    return features.take(pa.array(order)).append_column("label", label)


def _positions(dataset: TableDataset, raw: Raw, found: Mapping[str, str], values: Mapping[str, Floats]) -> Floats:
    spacing = np.asarray(dataset.sample.voxel_size_um)
    centre = np.stack([values[axis] for axis in "zyx"], axis=1)
    for k, axis in enumerate("zyx"):
        refuse(raw, found[axis], ~np.isfinite(centre[:, k]), values[axis], "is no position: it must be a finite number")
    if dataset.table.origin is None:
        centre = centre - np.asarray(FORMATS[dataset.table.format].origin) * spacing
    else:
        units = {axis: dataset.units.get(axis, dataset.units.get("position")) or raw.units.get(found[axis]) for axis in "zyx"}
        fallback = FORMATS[dataset.table.format].units.get("position", "um")
        factor = np.array(
            [to_um(units[axis] or fallback, "position", dataset.sample.voxel_size_um)[k] for k, axis in enumerate("zyx")]
        )
        centre = centre - np.asarray(dataset.table.origin) * factor
    low, high = -(0.5 + _EDGE) * spacing, (np.asarray(dataset.sample.shape) - 0.5 + _EDGE) * spacing
    outside = ((centre < low) | (centre > high)).any(axis=1)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        at = ", ".join(f"{value:.6g}" for value in centre[row] / spacing)
        raise InputError(
            f"{raw.path}, row {raw.first_row + row}: the centroid lies at voxel ({at}) (z, y, x), outside the volume of "
            f"{dataset.sample.shape} voxels ({int(outside.sum())} of {len(centre)} features do): check [units] position, "
            "voxel_size_um, shape, `origin` in [table], and whether slices are counted from 0"
        )
    return np.asarray(centre, dtype=np.float64)


def _volume(raw: Raw, found: Mapping[str, str], values: Mapping[str, Floats], voxel: float) -> Floats:
    name = next(name for name in SIZES if name in found)
    size = values[name]
    refuse(raw, found[name], ~(np.isfinite(size) & (size > 0)), size, "is no size: it must be above 0")
    if name == "volume":
        return size
    if name == "n_voxels":
        return size * voxel
    radius = size if name == "radius" else size / 2
    return np.asarray(4 / 3 * np.pi * radius**3, dtype=np.float64)


def _kinds(dataset: TableDataset, raw: Raw, found: Mapping[str, str], kind: str | None) -> list[str]:
    fixed = kind or dataset.table.kind
    if fixed is not None:
        return [fixed] * len(raw.frame)
    if "kind" not in found:
        raise InputError(
            f'{raw.path} does not say of which kind its features are: give kind = "pore" in [table] or [[scan]], '
            'or name the column under [columns], as in kind = "…"'
        )
    texts = [str(value).strip() for value in raw.frame[found["kind"]]]
    kinds = [dataset.kinds.get(text, "" if dataset.kinds else text) for text in texts]
    if "" in kinds:
        row = kinds.index("")
        known = f"[kinds] translates {', '.join(sorted(dataset.kinds))}" if dataset.kinds else "it is empty"
        raise InputError(
            f"{raw.path}, row {raw.first_row + row}: {texts[row]!r} in the column {found['kind']!r} is no kind: {known}"
        )
    return kinds


def _direction(values: Mapping[str, Floats]) -> dict[str, Floats]:
    """Unit vector of the longest axis, z not negative, from its angles."""
    if "theta" not in values or not ("phi" in values or "elevation" in values):
        return {}
    theta = np.radians(values["theta"])
    phi = np.radians(values["phi"] if "phi" in values else 90 - values["elevation"])
    vector = np.stack([np.cos(phi), np.sin(phi) * np.sin(theta), np.sin(phi) * np.cos(theta)], axis=1)
    vector *= np.where(vector[:, :1] < 0, -1.0, 1.0)
    return {axis: vector[:, k] for k, axis in enumerate("zyx")}
