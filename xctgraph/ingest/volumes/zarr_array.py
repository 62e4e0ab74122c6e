"""Zarr arrays of format 2 and 3, in a folder or zipped, alone or in a group, OME-Zarr (NGFF 0.4 and 0.5) among them."""

from __future__ import annotations

import itertools
import math
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import Store
from zarr.core.sync import sync
from zarr.storage import FsspecStore, LocalStore, ZipStore

from xctgraph.ingest.volumes import places, zarr_discovery, zarr_layout
from xctgraph.ingest.volumes.axes import Axes
from xctgraph.ingest.volumes.base import FileVolume, Selection
from xctgraph.store.errors import VolumeError

PIECE_BYTES = 32 * 2**20


class ZarrVolume(FileVolume):
    """An array of rank 3 in a Zarr store, or one time and channel of an array of higher rank.

    Parameters
    ----------
    path : Path
        Root of the store or a group or array in it, or a zip file.
    axes : Axes
        Order of the axes; it must agree with what the store says.
    inside : str or None
        Path of a group or array, and index along axes other than z, y, x: "/1", "t=3", "/1:t=3,c=0".

    Raises
    ------
    VolumeError
        If the store is damaged, holds no volume or several, or says another order of axes; if its chunks are missing, unless the
        store gives a fill value for them (then `warnings` says how many are).
    """

    def __init__(self, path: Path, axes: Axes, inside: str | None = None) -> None:
        root, below = zarr_layout.root_of(path)
        where, chosen = _parse(inside or "", path)
        self._store = _open_store(root)
        try:
            with warnings.catch_warnings():
                # Zarr warns of files that are no part of the store, and of old ways of writing metadata.
                warnings.simplefilter("ignore")
                found = zarr_discovery.find(_open_node(self._store, root), root, f"{below}/{where}")
            self._array = found.array
            selector = ",".join(f"{axis}={index}" for axis, index in chosen.items())
            dataset = f"/{found.where}" if found.where or not selector else ""
            name = f"{dataset}:{selector}" if selector and dataset else dataset or selector
            self._indices = zarr_discovery.indices(found, f"{root}:{name}", chosen)
            spatial = [axis for axis, index in enumerate(self._indices) if index is None]
            unit = self._array.shards or self._array.chunks
            super().__init__(
                root,
                tuple(self._array.shape[axis] for axis in spatial),
                np.dtype(self._array.dtype),
                axes,
                dataset=name,
                file_chunk=(unit[spatial[0]], unit[spatial[1]], unit[spatial[2]]) if len(spatial) == 3 else (1, 1, 1),
            )
            stated = "".join(axis for axis in found.names or () if axis in "zyx")
            axes.agree_with(stated if len(stated) == 3 else None, self.name)
            steps = None if found.steps_um is None else [found.steps_um[axis] for axis in spatial]
            known = [step for step in steps or () if step is not None]
            if len(known) == 3:
                self.voxel_size_um = axes.to_zyx((known[0], known[1], known[2]))
            self._depth = unit[spatial[0]]
            self.files, self.warnings = self._check_chunks(unit)
            if found.ignored:
                self.warnings += (
                    f"{self.name} states coordinate transformations ({', '.join(found.ignored)}) that are not applied: its "
                    "voxels are read as stored, and no voxel size is read from it",
                )
            self._unit, self._blosc = unit, _is_blosc(self._array) and isinstance(self._store, LocalStore)
        except BaseException:
            self.close()
            raise

    def _fill(self, out: NDArray[Any], selection: Selection) -> None:
        # In pieces: Zarr decodes into an array of its own.
        step = max(1, PIECE_BYTES // max(1, out[:1].nbytes * self._depth)) * self._depth
        first = selection[0].start
        start = first
        while start < selection[0].stop:
            stop = min((start // step + 1) * step, selection[0].stop)
            spatial = iter((slice(start, stop), *selection[1:]))
            piece = tuple(next(spatial) if index is None else index for index in self._indices)
            if self._blosc:
                self._check_blosc(piece)
            out[start - first : stop - first] = np.asarray(self._array[piece])
            start = stop

    def close(self) -> None:
        """Close the store."""
        if isinstance(self._store, FsspecStore):
            sync(_end_session(self._store.fs))
        self._store.close()

    def _check_chunks(self, unit: tuple[int, ...]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
        """Files that hold the voxels; a chunk that is not there must be one that the fill value stands for."""
        keys = list(self._keys(unit))
        base = self._array.path
        if isinstance(self._store, ZipStore):
            with zipfile.ZipFile(self.path) as archive:
                sizes = {info.filename: info.file_size for info in archive.infolist()}
            lengths = [sizes.get(f"{base}/{key}".lstrip("/")) for key in keys]
            files: tuple[Path, ...] = (self.path,)
        elif places.is_remote(self.path):
            folder = self.path / base if base else self.path
            known = {name: details["size"] for name, details in places.details(self.path).items()}
            paths: list[Any] = [folder / key for key in keys]
            lengths = [known.get(path.path) for path in paths]
            described: list[Any] = [folder / name for name in ("zarr.json", ".zarray", ".zattrs")]
            files = tuple(path for path in described + paths if path.path in known)
        else:
            folder = self.path / base
            lengths = [_size(folder / key) for key in keys]
            own = [folder / name for name in ("zarr.json", ".zarray", ".zattrs")]
            files = tuple(file for file in own if file.exists())
            files += tuple(folder / key for key, length in zip(keys, lengths, strict=True) if length is not None)
        for key, length in zip(keys, lengths, strict=True):
            if length == 0:
                raise VolumeError(f"{self.name}: chunk {key} is empty (0 bytes), the store is damaged. Copy it again")
        missing = [key for key, length in zip(keys, lengths, strict=True) if length is None]
        if not missing:
            return files, ()
        fill = self._array.metadata.fill_value
        what = f"{len(missing)} of {len(keys)} chunks are not there (the first is {missing[0]})"
        if fill is None or len(missing) == len(keys):
            reason = "the store has no fill value for them" if fill is None else "so it holds no data"
            raise VolumeError(f"{self.name}: {what}, and {reason}. It was not written or not copied to its end")
        return files, (
            f"{self.name}: {what}; their voxels are read as the fill value {fill!s}. Zarr leaves out chunks that hold nothing "
            "else, but a copy that is not complete looks the same: check it if this is more than you expect",
        )

    def _check_blosc(self, piece: tuple[slice | int, ...]) -> None:
        """Blosc decodes a chunk that is cut off from whatever lies behind it in memory: its header states its length."""
        grid = [
            range(p.start // step, -(-p.stop // step)) if isinstance(p, slice) else range(p // step, p // step + 1)
            for p, step in zip(piece, self._unit, strict=True)
        ]
        for position in itertools.product(*grid):
            key = self._array.metadata.encode_chunk_key(position)
            file = self.path / self._array.path / key
            if (length := _size(file)) is None:
                continue
            with file.open("rb") as stream:
                header = stream.read(16)
            if len(header) < 16 or int.from_bytes(header[12:], "little") != length:
                raise VolumeError(f"{self.name}: chunk {key} is cut off, the store is damaged. Copy it again")

    def _keys(self, unit: tuple[int, ...]) -> Iterator[str]:
        grid = [
            range(math.ceil(size / step)) if index is None else range(index // step, index // step + 1)
            for size, step, index in zip(self._array.shape, unit, self._indices, strict=True)
        ]
        return (self._array.metadata.encode_chunk_key(position) for position in itertools.product(*grid))


def _parse(inside: str, path: Path) -> tuple[str, dict[str, int]]:
    """Split "/PATH:t=3,c=0" into the path and the indices."""
    where, _, selector = inside.rpartition(":")
    if "=" not in selector:
        return inside, {}
    chosen = {}
    for part in selector.split(","):
        axis, equals, index = part.partition("=")
        if not equals or not index.strip().isdecimal():
            raise VolumeError(f"{path}:{inside}: {part!r} is not of the form AXIS=INDEX, as in t=3 or t=3,c=0")
        chosen[axis.strip().lower()] = int(index)
    return where, chosen


def _open_store(root: Path) -> Store:
    if places.is_remote(root):
        # A filesystem of its own, so that its session can be ended with it.
        return FsspecStore.from_url(str(root), storage_options={"skip_instance_cache": True}, read_only=True)
    return LocalStore(root, read_only=True) if root.is_dir() else ZipStore(root, mode="r")


async def _end_session(filesystem: Any) -> None:
    """Close the connections of a filesystem, which fsspec leaves open where it is used asynchronously, as Zarr does."""
    if hasattr(filesystem, "set_session"):
        await (await filesystem.set_session()).close()


def _open_node(store: Store, root: Path) -> zarr_discovery.Node:
    try:
        node: zarr_discovery.Node = zarr.open(store, mode="r")
    except FileNotFoundError as error:
        raise VolumeError(
            f"{root} has no metadata (zarr.json, .zgroup or .zarray) at its top: it was not copied to its end, or is no Zarr "
            "store"
        ) from error
    return node


def _is_blosc(array: zarr.Array[Any]) -> bool:
    """Whether Blosc is what made the bytes of a chunk's file."""
    return bool(array.compressors) and array.shards is None and "blosc" in type(array.compressors[-1]).__name__.lower()


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
