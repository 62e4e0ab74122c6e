"""Where HDF5 conventions keep the voxel size."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import h5py
import numpy as np

from xctgraph.ingest.volumes.axes import Axes
from xctgraph.ingest.volumes.hdf5_discovery import get
from xctgraph.ingest.volumes.length import in_micrometres
from xctgraph.ingest.volumes.protocol import VoxelSize

NAMES = ("voxel_size", "pixel_size", "element_size")
SUFFIXES = {"": None, "_um": 1.0, "_nm": 1e-3, "_mm": 1e3, "_m": 1e6}
DETECTOR = "measurement/instrument/detector"


def find(data: h5py.Dataset, file: h5py.File, axes: Axes) -> VoxelSize | None:
    """Edges of a voxel along z, y, x in micrometres; None where no convention states them with their unit.

    Looked for in this order:

    - coordinates `z`, `y`, `x` beside the dataset (NXtomoproc, NXdata, DXchange): evenly spaced, with `units`;
    - attributes `voxel_size`, `pixel_size` or `element_size` of the dataset, its group or the file, one number or one per
      axis in the order of the dataset's axes, with the unit in the name (`_um`, `_nm`, `_mm`, `_m`) or in an attribute of the
      same name and `_unit` or `_units`, or one number with its unit as text ("1.63 um");
    - DXchange's `actual_pixel_size_x` and `actual_pixel_size_y` of the detector (pixels on the plane of the sample; the
      reconstruction's z runs along the detector's y).
    """
    home = data.parent
    shape = axes.to_zyx(data.shape)
    return _coordinates(home, shape) or _attributes((data, home, data.file, file), axes) or _dxchange(file)


def _coordinates(group: h5py.Group, shape: tuple[int, int, int]) -> VoxelSize | None:
    return _size([_step(group, axis, size) for axis, size in zip("zyx", shape, strict=True)])


def _step(group: h5py.Group, axis: str, size: int) -> float | None:
    item = get(group, axis)
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "iuf" or item.shape != (size,) or size < 2:
        return None
    unit = in_micrometres(item.attrs.get("units", ""))
    steps = np.abs(np.diff(np.asarray(item[()], np.float64)))
    if unit is None or not np.allclose(steps, steps[0], rtol=1e-3):
        return None
    return float(steps.mean()) * unit


def _attributes(items: Sequence[h5py.HLObject], axes: Axes) -> VoxelSize | None:
    for item in items:
        for name in NAMES:
            for suffix, factor in SUFFIXES.items():
                key = name + suffix
                if key not in item.attrs:
                    continue
                unit = factor if factor is not None else _unit(item, key)
                values = _numbers(item.attrs[key])
                if factor is None and (said := _with_unit(item.attrs[key])):
                    values, unit = [said[0]], said[1]
                if unit is None or len(values) not in (1, 3):
                    continue
                z, y, x = axes.to_zyx((values[0], values[len(values) // 2], values[-1]))
                if size := _size([z * unit, y * unit, x * unit]):
                    return size
    return None


def _unit(item: h5py.HLObject, key: str) -> float | None:
    texts = [item.attrs.get(key + ending) for ending in ("_units", "_unit")]
    return next((unit for text in texts if text is not None and (unit := in_micrometres(text)) is not None), None)


def _with_unit(value: object) -> tuple[float, float] | None:
    """Number and unit, in um, of a text such as "1.63 um"."""
    if not isinstance(value, str | bytes):
        return None
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    found = re.fullmatch(r"\s*(\d+\.?\d*(?:[eE][-+]?\d+)?)\s*([^\d\s]+)\s*", text)
    unit = in_micrometres(found[2]) if found else None
    return (float(found[1]), unit) if found and unit is not None else None


def _numbers(value: object) -> list[float]:
    array = np.atleast_1d(np.asarray(value))
    return [float(number) for number in array] if array.dtype.kind in "iuf" and array.ndim == 1 else []


def _dxchange(file: h5py.File) -> VoxelSize | None:
    sizes: dict[str, float | None] = {}
    for axis in "yx":
        item = get(file, f"{DETECTOR}/actual_pixel_size_{axis}")
        if not isinstance(item, h5py.Dataset) or item.size != 1 or item.dtype.kind not in "iuf":
            return None
        unit = in_micrometres(item.attrs.get("units", ""))
        sizes[axis] = None if unit is None else float(np.ravel(item[()])[0]) * unit
    return _size([sizes["y"], sizes["x"], sizes["x"]])


def _size(values: Sequence[float | None]) -> VoxelSize | None:
    known = [value for value in values if value is not None and math.isfinite(value) and value > 0]
    return (known[0], known[1], known[2]) if len(known) == 3 else None
