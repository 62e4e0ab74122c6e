"""Volumes of every kind of storage, ways to damage them, and what reading them came to."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import hdf5plugin
import numcodecs
import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

from xctgraph.ingest.volumes.reader_process import ApartVolume, ReaderProcess
from xctgraph.store.errors import VolumeError

SHAPE = (6, 12, 14)
MOST_VOXELS = 10**6
TIMEOUT_S = 60.0
Array = NDArray[np.uint16]
Write = Callable[[Path, Array], Path]


@dataclass(frozen=True)
class Outcome:
    """An error, or data; `told` where a warning came with them."""

    error: str | None
    data: NDArray[np.generic] | None = None
    told: bool = False

    def is_right(self, array: Array) -> bool:
        return self.data is not None and self.data.dtype == array.dtype and np.array_equal(self.data, array)


def read(process: ReaderProcess, source: Path) -> Outcome:
    """Open and read in the reader process, as the ingest does; any error but a VolumeError goes on to the caller."""
    try:
        with ApartVolume(process, str(source), "zyx", timeout_s=TIMEOUT_S) as volume:
            told = bool(volume.warnings)
            if np.prod(volume.shape, dtype=object) > MOST_VOXELS:
                return Outcome(None, np.empty(0), told)
            return Outcome(None, volume.read(0, volume.shape[0]), told)
    except VolumeError as error:
        if "did not end" in str(error):
            raise
        return Outcome(str(error))


def hdf5(*, latest: bool = False, **options: object) -> Write:
    def write(folder: Path, array: Array) -> Path:
        with h5py.File(folder / "v.h5", "w", libver="latest" if latest else "earliest") as file:
            file.create_dataset("entry/data", data=array, **options)
        return folder / "v.h5"

    return write


def tiff(**options: object) -> Write:
    def write(folder: Path, array: Array) -> Path:
        tifffile.imwrite(folder / "v.tif", array, photometric="minisblack", **options)
        return folder / "v.tif"

    return write


def slices(folder: Path, array: Array) -> Path:
    (folder / "slices").mkdir()
    for index, plane in enumerate(array):
        tifffile.imwrite(folder / f"slices/{index}.tif", plane, photometric="minisblack", compression="zlib")
    return folder / "slices"


def npy(folder: Path, array: Array) -> Path:
    np.save(folder / "v.npy", array)
    return folder / "v.npy"


def zarr_folder(zarr_format: int, **options: object) -> Write:
    def write(folder: Path, array: Array) -> Path:
        options_ = {"chunks": (2, 12, 7), "fill_value": 0} | options
        made = zarr.create_array(
            str(folder / "v.zarr"), shape=array.shape, dtype=array.dtype, zarr_format=zarr_format, **options_
        )
        made[...] = array
        return folder / "v.zarr"

    return write


def zarr_zip(folder: Path, array: Array) -> Path:
    made = zarr_folder(3, compressors=ZstdCodec())(folder, array)
    with zipfile.ZipFile(folder / "v.zarr.zip", "w") as archive:
        for file in sorted(made.rglob("*")):
            archive.write(file, file.relative_to(made))
    shutil.rmtree(made)
    return folder / "v.zarr.zip"


CHUNKS = {"chunks": (2, 6, 14)}
FORMATS: dict[str, Write] = {
    "h5-raw": hdf5(),
    "h5-gzip": hdf5(compression="gzip", **CHUNKS),
    "h5-latest": hdf5(latest=True, compression="gzip", shuffle=True, fletcher32=True, **CHUNKS),
    "h5-blosc": hdf5(compression=hdf5plugin.Blosc("lz4"), **CHUNKS),
    "h5-zstd": hdf5(compression=hdf5plugin.Zstd(), **CHUNKS),
    "tiff-raw": tiff(),
    "tiff-big": tiff(bigtiff=True, byteorder=">", metadata=None),
    "tiff-zlib": tiff(compression="zlib", metadata=None),
    "tiff-lzw-tiled": tiff(compression="lzw", tile=(16, 16)),
    "tiff-zstd": tiff(compression="zstd", predictor=True),
    "slices": slices,
    "npy": npy,
    "zarr2-raw": zarr_folder(2, compressors=None),
    "zarr2-blosc": zarr_folder(2, compressors=numcodecs.Blosc("lz4")),
    "zarr2-zlib": zarr_folder(2, compressors=numcodecs.Zlib()),
    "zarr3-gzip": zarr_folder(3, compressors=GzipCodec()),
    "zarr3-blosc": zarr_folder(3, compressors=BloscCodec(cname="zstd")),
    "zarr3-crc": zarr_folder(3, compressors=(ZstdCodec(), Crc32cCodec())),
    "zarr3-shards": zarr_folder(3, chunks=(1, 6, 7), shards=(2, 12, 14), compressors=ZstdCodec(checksum=True)),
    "zarr-zip": zarr_zip,
}


def files(source: Path) -> list[Path]:
    """Files of the volume that damage can befall, in a fixed order."""
    return sorted(file for file in source.rglob("*") if file.is_file()) if source.is_dir() else [source]


def is_metadata(file: Path) -> bool:
    """Files of JSON, which has no checksum."""
    return file.name in ("zarr.json", ".zarray", ".zattrs")


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
