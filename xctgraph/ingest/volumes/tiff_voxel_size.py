"""Where TIFF files keep the voxel size."""

from __future__ import annotations

import math
import re
from typing import Any

import tifffile

from xctgraph.ingest.volumes.axes import Axes
from xctgraph.ingest.volumes.length import in_micrometres
from xctgraph.ingest.volumes.protocol import VoxelSize


def find(tiff: tifffile.TiffFile, axes: Axes) -> VoxelSize | None:
    """Edges of a voxel along z, y, x in micrometres; None unless the file states all three with a unit of length.

    OME's `PhysicalSizeX`, `Y`, `Z`, or ImageJ's resolution tags with `spacing` and `unit`. Resolution tags alone say nothing of
    the distance of the pages and are mostly a printer's default, so that they don't count.
    """
    file_order = _ome(tiff.ome_metadata) if tiff.is_ome else _imagej(tiff) if tiff.is_imagej else None
    if file_order is None or not all(math.isfinite(size) and size > 0 for size in file_order):
        return None
    return axes.to_zyx(file_order)


def _imagej(tiff: tifffile.TiffFile) -> VoxelSize | None:
    metadata: dict[str, Any] = tiff.imagej_metadata or {}
    # Inches are the dots per inch of a screen or printer.
    unit = None if str(metadata.get("unit", "")).lower().startswith("in") else in_micrometres(metadata.get("unit", ""))
    tags = tiff.pages.first.tags
    y, x = tags.valueof("YResolution"), tags.valueof("XResolution")
    if unit is None or "spacing" not in metadata or not y or not x or not all((*y, *x)):
        return None
    return float(metadata["spacing"]) * unit, y[1] / y[0] * unit, x[1] / x[0] * unit


def _ome(xml: str | None) -> VoxelSize | None:
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", xml or "")
    if pixels is None:
        return None
    stated = dict(re.findall(r"""\b(PhysicalSize[XYZ](?:Unit)?)\s*=\s*["']([^"']*)["']""", pixels[0]))
    sizes = []
    for axis in "ZYX":
        unit = in_micrometres(stated.get(f"PhysicalSize{axis}Unit", "µm"))
        size = _number(stated.get(f"PhysicalSize{axis}"))
        if size is None or unit is None:
            return None
        sizes.append(size * unit)
    return sizes[0], sizes[1], sizes[2]


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
