"""Region of interest: a box of a volume, in voxels of the whole volume."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from xctgraph.ingest.volumes.base import box_of
from xctgraph.ingest.volumes.protocol import Box, Volume
from xctgraph.store.errors import InputError

Range = tuple[int, int | None]
Roi = tuple[Range, Range, Range]
FORM = "[[z0, z1], [y0, y1], [x0, x1]] or 'z0:z1, y0:y1, x0:x1' (first voxel and one past the last; ':' is the whole axis)"


class Region:
    """The box of a volume as a volume of its own: nothing else is read.

    Attributes
    ----------
    box : ((z0, z1), (y0, y1), (x0, x1))
        First voxel and one past the last along each axis of the whole volume.
    """

    def __init__(self, volume: Volume, box: Box) -> None:
        self._volume = volume
        self.box = box
        self.path = volume.path
        self.dataset = volume.dataset
        self.shape = shape_of(box)
        self.dtype = volume.dtype
        self.voxel_size_um = volume.voxel_size_um
        self.chunk_z = min(volume.chunk_z, self.shape[0])

    def read(
        self, z0: int, z1: int, *, rows: tuple[int, int] | None = None, columns: tuple[int, int] | None = None
    ) -> NDArray[Any]:
        """Read slices `z0` to `z1 - 1` of the box; see `Volume.read`."""
        z, y, x = (
            (start + first, stop + first)
            for (start, stop), (first, _) in zip(box_of(self, z0, z1, rows, columns), self.box, strict=True)
        )
        return self._volume.read(*z, rows=y, columns=x)

    def close(self) -> None:
        """Release the file."""
        self._volume.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def shape_of(box: Box) -> tuple[int, int, int]:
    """Voxels of the box along z, y, x."""
    z, y, x = (stop - start for start, stop in box)
    return z, y, x


def parse(text: str) -> Roi:
    """Region from text such as "100:200, :, 300:900".

    Raises
    ------
    InputError
        If the text has not that form.
    """
    parts = [part.strip() for part in text.split(",")]
    ranges: list[Range] = []
    for part in parts:
        found = re.fullmatch(r"(\d*)\s*:\s*(\d*)", part)
        if found is None:
            break
        ranges.append((int(found[1] or 0), int(found[2]) if found[2] else None))
    if len(parts) != 3 or len(ranges) != 3:
        raise InputError(f"region of interest {text!r} is not of the form {FORM}")
    return ranges[0], ranges[1], ranges[2]


def resolve(roi: Roi | None, shape: tuple[int, int, int], name: str) -> Box:
    """The box that a region is in a volume of `shape` (z, y, x); the whole volume for None.

    Raises
    ------
    InputError
        If it is empty or reaches beyond the volume `name`.
    """
    box = [(start, size if stop is None else stop) for (start, stop), size in zip(roi or ((0, None),) * 3, shape, strict=True)]
    for axis, (start, stop), size in zip("zyx", box, shape, strict=True):
        if not 0 <= start < stop <= size:
            raise InputError(
                f"region of interest {start}:{stop} along {axis} does not lie in {name}, whose shape is {shape} (z, y, x): "
                f"valid are 0 <= start < stop <= {size}"
            )
    return box[0], box[1], box[2]


def stored(scan: Mapping[str, Any]) -> Box:
    """The box that was read of a scan, from its row of the table `scans`."""
    z, y, x = (
        (0, scan[f"n_{axis}"]) if scan.get(f"roi_{axis}_min") is None else (scan[f"roi_{axis}_min"], scan[f"roi_{axis}_max"])
        for axis in "zyx"
    )
    return z, y, x


def around(a: Box, b: Box) -> Box:
    """The smallest box that holds both."""
    z, y, x = ((min(p[0], q[0]), max(p[1], q[1])) for p, q in zip(a, b, strict=True))
    return z, y, x
