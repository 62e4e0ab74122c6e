"""A volume as a model segments it: classes and confidence, slab by slab."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.learning import checkpoint, consistency
from xctgraph.ingest.learning.annotated import around, scaled
from xctgraph.ingest.learning.predictor import Predictor, predictor
from xctgraph.ingest.sampling.embed import window
from xctgraph.ingest.segmentation import masks
from xctgraph.ingest.segmentation.masks import MaskSegmenter
from xctgraph.ingest.volumes import Volume
from xctgraph.ingest.volumes.base import box_of
from xctgraph.store.errors import VolumeError

_CHUNK = 8  # slices whose shares are held at once


class Predicted:
    """Segments the slices of a volume.

    Parameters
    ----------
    volume
        Grey values.
    ready
        The model, ready for slices of this size.
    consistent
        Whether slices are seen together with their neighbours: see `consistency.consistent`.
    t
        Index of the scan, for errors.
    """

    def __init__(self, volume: Volume, ready: Predictor, *, consistent: bool = True, t: int = 0) -> None:
        self._volume, self._predictor, self._consistent = volume, ready, consistent
        self._t = t
        self.window = window(volume, t)

    def segment(self, z0: int, z1: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Classes of the slices `z0` to `z1` - 1, and their confidence: the share of the class, 0 to 255; both (z, y, x).

        Raises
        ------
        VolumeError
            If a voxel is not finite.
        """
        blocks = [self._block(z, min(z + _CHUNK, z1)) for z in range(z0, z1, _CHUNK)]
        return np.concatenate([classes for classes, _ in blocks]), np.concatenate([sure for _, sure in blocks])

    def _block(self, z0: int, z1: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        n_z = self._volume.shape[0]
        halo = consistency.HALO if self._consistent else 0
        first, last = max(0, z0 - halo), min(n_z, z1 + halo)
        shares = self._shares(first, last)
        if self._consistent:
            classes = consistency.consistent(shares, z0 - first, last - z1)
        else:
            classes = np.asarray(shares.argmax(axis=1), np.uint8)
        own = shares[z0 - first : len(shares) - (last - z1)]
        sure = np.take_along_axis(own, classes[:, None].astype(np.int64), axis=1)[:, 0]
        return classes, np.rint(sure * 255).astype(np.uint8)

    def _shares(self, z0: int, z1: int) -> NDArray[np.float32]:
        halo = self._predictor.model.spec.halo
        grey = around(self._volume, z0, z1, halo)
        self._check(grey, z0 - halo)
        planes = scaled(grey, self.window)
        stacks = np.lib.stride_tricks.sliding_window_view(planes, 2 * halo + 1, axis=0)
        return self._predictor(np.ascontiguousarray(np.moveaxis(stacks, -1, 1)))

    def _check(self, grey: NDArray[Any], z0: int) -> None:
        if grey.dtype.kind == "f" and not np.isfinite(grey).all():
            z, y, x = np.argwhere(~np.isfinite(grey))[0]
            raise VolumeError(
                f"scan t = {self._t}: voxel z = {max(0, z + z0)}, y = {y}, x = {x} of {self._volume.path} is {grey[z, y, x]}: "
                "mend the volume, or leave the slice out with a region of interest"
            )


class _Part:
    """Classes, or confidence, of a predicted volume as a volume of their own."""

    def __init__(self, shared: _Shared, part: int) -> None:
        self._shared, self._part = shared, part
        volume = shared.volume
        self.path, self.dataset, self.shape = volume.path, volume.dataset, volume.shape
        self.voxel_size_um, self.chunk_z = volume.voxel_size_um, volume.chunk_z
        self.dtype = np.dtype(np.uint8)

    def read(
        self, z0: int, z1: int, *, rows: tuple[int, int] | None = None, columns: tuple[int, int] | None = None
    ) -> NDArray[np.uint8]:
        """Segment slices `z0` to `z1` - 1; see `Volume.read`."""
        _, y, x = box_of(self, z0, z1, rows, columns)
        return np.ascontiguousarray(self._shared.read(z0, z1)[self._part][:, slice(*y), slice(*x)])

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class _Shared:
    """The block that was segmented last: classes and confidence are asked for one after the other."""

    def __init__(self, volume: Volume, predicted: Predicted) -> None:
        self.volume, self._predicted = volume, predicted
        self._last: tuple[tuple[int, int], tuple[NDArray[np.uint8], NDArray[np.uint8]]] | None = None

    def read(self, z0: int, z1: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        if self._last is None or self._last[0] != (z0, z1):
            self._last = None
            self._last = (z0, z1), self._predicted.segment(z0, z1)
        return self._last[1]


@dataclass(frozen=True)
class Prepared:
    """A model in the place of a mask: volumes of the roles `labels` and `confidence`, segmented as they are read."""

    volumes: dict[str, Volume]
    segmenter: MaskSegmenter


def prepare(model: Path, volume: Volume, *, consistent: bool, t: int) -> Prepared:
    """Make a model ready for a volume of scan `t`.

    Raises
    ------
    InputError
        If there is no such model.
    """
    ready = _ready(model, model.stat().st_mtime_ns if model.is_file() else 0, (volume.shape[1], volume.shape[2]))
    held = ready.model
    shared = _Shared(volume, Predicted(volume, ready, consistent=consistent, t=t))
    segmenter = masks.classes(dict(enumerate(held.classes[1:], 1)))
    facts = {"model": held.digest, "runtime": ready.description, "consistent": consistent}
    segmenter.description = {"method": "model", "kinds": list(held.classes[1:]), **facts}
    return Prepared({"labels": _Part(shared, 0), "confidence": _Part(shared, 1)}, segmenter)


@lru_cache(maxsize=1)
def _ready(model: Path, _: int, shape: tuple[int, int]) -> Predictor:
    """Made once for all scans of a series."""
    return predictor(checkpoint.load(model), shape)
