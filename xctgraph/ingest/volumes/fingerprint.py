"""Fingerprints: whether an input is still the one that was ingested."""

from __future__ import annotations

import hashlib
from pathlib import Path

from xctgraph.ingest.volumes import hdf5
from xctgraph.ingest.volumes.axes import Axes
from xctgraph.ingest.volumes.open_volume import split_source
from xctgraph.ingest.volumes.slices import slice_files
from xctgraph.store.errors import VolumeError

BLOCK = 16 * 2**10
BLOCKS_OF_FILE = 256
BLOCKS_OF_SLICE = 4


def fingerprint(source: str | Path) -> str:
    """Sha256 of the sizes and of evenly spaced blocks of all files that hold the voxels.

    256 blocks of 16 KiB of a file, 4 of each slice in a folder; files of up to that size are read whole. For HDF5, the path of
    the dataset counts too, and the targets of external links and virtual datasets. Neither time stamps nor the place of the
    files count. A change that falls between the blocks and keeps the size is not seen.

    Raises
    ------
    VolumeError
        If the source is missing or, for HDF5 and folders, holds no volume.
    """
    path, dataset = split_source(source)
    blocks = BLOCKS_OF_FILE
    digest = hashlib.sha256()
    if path.is_dir():
        files = slice_files(path)
        blocks = BLOCKS_OF_SLICE
    elif not path.exists():
        raise VolumeError(f"volume {path} is not there: put it back, or give its new place")
    elif hdf5.recognises(path):
        with hdf5.Hdf5Volume(path, Axes(), dataset) as volume:
            files = volume.files
            digest.update(str(volume.dataset).encode())
    else:
        files = (path,)
    for file in files:
        _update(digest, file, blocks)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, file: Path, blocks: int) -> None:
    size = file.stat().st_size
    digest.update(size.to_bytes(8, "little"))
    with file.open("rb", buffering=0) as stream:
        if size <= blocks * BLOCK:
            digest.update(stream.read())
            return
        for index in range(blocks):
            stream.seek((size - BLOCK) * index // (blocks - 1))
            digest.update(stream.read(BLOCK))
