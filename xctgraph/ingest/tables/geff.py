"""GEFF, the graph exchange file format: nodes as rows of a table, edges as links."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xctgraph.ingest.tables.read import Raw
from xctgraph.store.errors import InputError, MissingExtra


def _named(path: str, space: list[Any]) -> list[tuple[str, Any]]:
    """Axes of space as z, y and x: by their names where these say so, else in their order."""
    if len(space) > 3:
        raise InputError(
            f"{path} has {len(space)} axes of space ({', '.join(axis.name for axis in space)}): 3 at most are wanted"
        )
    found = {axis.name.casefold().rpartition("_")[2]: axis for axis in space}
    if len(found) == len(space) and set(found) <= set("zyx"):
        return list(found.items())
    return list(zip("zyx"[-len(space) :], space, strict=True)) if space else []


def read(path: str) -> tuple[Raw, NDArray[np.int64]]:
    """Read a GEFF folder.

    Returns
    -------
    raw : Raw
        One row per node: `label` (the node's id), the properties by name, and `t`, `z`, `y`, `x`, `radius` from what the
        metadata says are the axes and the spheres; units from the axes. Axes called x, y, z (or ending in _x, …) are these,
        others count in their order.
    links : (k, 2) int64
        Ids of source and target of each edge.

    Raises
    ------
    MissingExtra
        If the package geff is not installed.
    InputError
        If the folder is no GEFF, or lacks axes.
    """
    try:
        from geff.core_io import read_to_memory
    except ImportError as error:
        raise MissingExtra("geff", "geff", f"reading {path}") from error
    if not Path(path).is_dir():
        raise InputError(f"cannot read the GEFF {path}: there is no such folder")
    try:
        graph = read_to_memory(Path(path))
    # zarr, pydantic and geff raise errors of many kinds on folders that are no GEFF.
    except Exception as error:
        raise InputError(f"{path} is no valid GEFF: {error}") from error
    columns: dict[str, Any] = {}
    for name, prop in graph["node_props"].items():
        values = np.asarray(prop["values"])
        if values.ndim == 1 and values.dtype != object:
            missing = prop["missing"]
            series = pd.Series(values)
            columns[name] = series if missing is None else series.astype(object).where(~np.asarray(missing, np.bool_), None)
    metadata = graph["metadata"]
    units: dict[str, str] = {}
    axes = metadata.axes or []
    space = [axis for axis in axes if axis.type == "space"]
    for name, axis in _named(path, space):
        scaled = axis.scale is not None or axis.offset is not None
        values = np.asarray(columns[axis.name], dtype=np.float64)
        columns[name] = values * (axis.scale or 1.0) + (axis.offset or 0.0) if scaled else values
        unit = axis.scaled_unit if scaled and axis.scaled_unit else axis.unit
        if unit is not None:
            units[name] = unit
    for axis in axes:
        if axis.type == "time":
            columns["t"] = columns[axis.name]
    if metadata.sphere is not None:
        unit = getattr((metadata.node_props_metadata or {}).get(metadata.sphere), "unit", None)
        # A radius without a unit of its own is in the coordinates of the axes, and is scaled as they are.
        scale = 1.0 if unit else float(np.prod([axis.scale or 1.0 for axis in space]) ** (1 / max(len(space), 1)))
        columns["radius"] = columns[metadata.sphere] if scale == 1 else np.asarray(columns[metadata.sphere], np.float64) * scale
        if unit or "x" in units:
            units["radius"] = unit or units["x"]
    columns["label"] = np.asarray(graph["node_ids"])
    edges = np.asarray(graph["edge_ids"]).reshape(-1, 2).astype(np.int64)
    return Raw(path, pd.DataFrame(columns), 1, units), edges
