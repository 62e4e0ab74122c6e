"""Threads and memory that an ingest may use, and how slabs are cut to fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from xctgraph.store import limits
from xctgraph.store.errors import InputError

# Measured: the program with all it has loaded and compiled, before the first slab.
BASE = 400 * 2**20
# Slabs larger than this gain nothing.
SLAB_BYTES = 32 * 2**20


def _memory() -> int:
    """Bytes for an ingest in this process, which may hold much already: in a notebook, say."""
    return min(limits.memory(), BASE + limits.room())


@dataclass(frozen=True)
class Resources:
    """What an ingest may use.

    `workers` threads work on slabs, `memory` is the limit in bytes: those of `store.limits` where they are not given. With a
    `scheduler` (address of a Dask scheduler, or its scheduler file) its workers measure the scans, and `memory` is that of one
    task. `measured` is a folder with scans that are measured already, or shall be (default: `measured` in the store).
    """

    workers: int = field(default_factory=limits.workers)
    memory: int = field(default_factory=_memory)
    scheduler: str | None = None
    measured: Path | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise InputError(f"workers = {self.workers} is not valid: at least 1 thread is needed")

    @property
    def slabs_held(self) -> int:
        """Slabs in memory at once: one being read, one per thread, one waiting."""
        return self.workers + 2

    def slab_height(self, path: str, shape: tuple[int, int, int], chunk_z: int, voxel_bytes: int) -> int:
        """Slices per slab: a multiple of the file's chunks, so that none is decompressed twice, where the memory allows it.

        Parameters
        ----------
        path
            The volume, for the error.
        shape
            Shape (z, y, x) of the volume.
        chunk_z
            Slices that the file keeps together.
        voxel_bytes
            Bytes per voxel of all volumes of the scan together.

        Raises
        ------
        InputError
            If slabs of one slice do not fit into the memory.
        """
        n_z, n_y, n_x = shape
        per_slice = n_y * n_x * voxel_bytes
        # Half of what is left after the program is for runs and features.
        room = max(0, self.memory - BASE) // 2 // self.slabs_held
        if per_slice > room:
            needed = BASE + 2 * self.slabs_held * per_slice
            raise InputError(
                f"{path} has slices of {per_slice / 1e6:.1f} MB, of which {self.slabs_held} are held at once beside the program: "
                f"this needs {needed / 1e9:.2f} GB, but {self.memory / 1e9:.2f} GB are allowed. Give --memory "
                f"{needed / 1e9 + 0.01:.2f}GB or fewer --workers"
            )
        chunk = min(max(1, chunk_z), n_z)
        n_chunks = min(room, SLAB_BYTES) // (chunk * per_slice)
        return min(n_z, chunk * max(1, n_chunks), room // per_slice)

    def plan(self, slab: int, shape: tuple[int, int, int], voxel_bytes: int) -> int:
        """Bytes planned for a volume: the program and its slabs; runs and features come on top."""
        return BASE + self.slabs_held * slab * shape[1] * shape[2] * voxel_bytes

    def left(self, planned: int) -> int:
        """Bytes left for runs and features."""
        return max(0, self.memory - planned)
