"""Fingerprints: whether an input is still the one that was ingested."""

from __future__ import annotations

import hashlib
from pathlib import Path

from xctgraph.ingest.volumes.open_volume import open_volume
from xctgraph.ingest.volumes.places import is_remote, stamps
from xctgraph.ingest.volumes.protocol import Volume
from xctgraph.store.errors import VolumeError

BLOCK = 16 * 2**10
BLOCKS_OF_FILE = 256
BLOCKS_OF_SLICE = 4
MOST_BLOCKS = 2**14


def fingerprint(source: str | Path | Volume, *, axes: str = "zyx") -> str:
    """Sha256 of the sizes and of evenly spaced blocks of all files that hold the voxels.

    256 blocks of 16 KiB of a file, 4 of each slice or chunk in a folder (fewer, but at least 1, where there are more than 4,096
    of them); files of up to that size are read whole. What is named
    inside a file counts too, and the targets of external links and virtual datasets. Neither time stamps nor the place of
    the files count. A change that falls between the blocks and keeps the size is not seen. Of an object store size and checksum
    (ETag) of each object are taken.

    Parameters
    ----------
    source
        A volume, or what `open_volume` takes.
    axes
        Order of the axes in the file.

    Raises
    ------
    VolumeError
        If the source is missing or holds no volume.
    """
    if isinstance(source, str | Path):
        with open_volume(source, axes=axes) as volume:
            return fingerprint(volume)
    # A reader that keeps no list of its files has one.
    files: tuple[Path, ...] = getattr(source, "files", (source.path,))
    in_folder = max(1, min(BLOCKS_OF_SLICE, MOST_BLOCKS // max(1, len(files))))
    blocks = in_folder if source.path.is_dir() else BLOCKS_OF_FILE
    digest = hashlib.sha256()
    if source.dataset:
        digest.update(source.dataset.encode())
    if is_remote(source.path):
        for stamp in stamps(source.path, files):
            digest.update(stamp.encode())
        return digest.hexdigest()
    try:
        for file in files:
            _update(digest, file, blocks)
    except OSError as error:
        raise VolumeError(f"{error.filename} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def _update(digest: hashlib._Hash, file: Path, blocks: int) -> None:
    size = file.stat().st_size
    digest.update(size.to_bytes(8, "little"))
    with file.open("rb", buffering=0) as stream:
        if size <= blocks * BLOCK:
            digest.update(stream.read())
            return
        for index in range(blocks):
            stream.seek((size - BLOCK) * index // (blocks - 1) if blocks > 1 else (size - BLOCK) // 2)
            digest.update(stream.read(BLOCK))
