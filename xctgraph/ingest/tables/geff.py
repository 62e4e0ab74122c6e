"""GEFF, the graph exchange file format: nodes as rows of a table, edges as links."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xctgraph.ingest.tables.read import Raw
from xctgraph.store.errors import InputError, MissingExtra


def read(path: str) -> tuple[Raw, NDArray[np.int64]]:
    """Read a GEFF folder.

    Returns
    -------
    raw : Raw
        One row per node: `label` (the node's id), the properties by name, and `t`, `z`, `y`, `x`, `radius` from what the
        metadata says are the axes and the spheres; units from the axes.
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
    for name, axis in zip("zyx"[-len(space) :] if len(space) <= 3 else "", space, strict=False):
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
        columns["radius"] = columns[metadata.sphere]
        if "x" in units:
            units["radius"] = units["x"]
    columns["label"] = np.asarray(graph["node_ids"])
    edges = np.asarray(graph["edge_ids"]).reshape(-1, 2).astype(np.int64)
    return Raw(path, pd.DataFrame(columns), 1, units), edges
