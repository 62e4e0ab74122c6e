"""Grey volume in HDF5 to all properties, larger than what is held in memory: time and memory against cc3d by slabs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cc3d
import h5py
import hdf5plugin
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.labelling import THRESHOLD, scene

TILE = 256
CHUNK = (16, 256)
CC3D_SLAB = 128
MODES = ("ours", "ours two threads", "cc3d", "read")


@dataclass(frozen=True)
class Run:
    """One run in a process of its own: seconds and bytes on top of what the process held before the work."""

    what: str
    seconds: float
    extra_bytes: int
    found: int


def write_volume(path: Path, shape: tuple[int, int, int], seed: int, *, voxels: int, share: float, compressed: bool) -> None:
    """Write a scene tiled to `shape`, in chunks of 16 slices, plain or compressed with bitshuffle and LZ4."""
    tile = scene(min(TILE, *shape), seed, voxels, share)
    # Different parts of the tile, so that no two slices of the volume look alike.
    tile = np.concatenate([tile, tile[::-1, ::-1]])
    repeats = [-(-n // t) for n, t in zip(shape[1:], tile.shape[1:], strict=True)]
    options = hdf5plugin.Bitshuffle() if compressed else {}
    with h5py.File(path, "w") as file:
        chunks = (min(CHUNK[0], shape[0]), min(CHUNK[1], shape[1]), shape[2])
        data = file.create_dataset("data", shape, np.uint8, chunks=chunks, **options)
        for z in range(0, shape[0], CHUNK[0]):
            slices = tile[np.arange(z, min(shape[0], z + CHUNK[0])) % len(tile)]
            data[z : z + len(slices)] = np.tile(slices, (1, *repeats))[:, : shape[1], : shape[2]]


def runs(path: Path, repeats: int, modes: tuple[str, ...] = MODES) -> list[Run]:
    """Every mode `repeats` times, in turn; the median time and the largest memory of each."""
    results: dict[str, list[Run]] = {mode: [] for mode in modes}
    for _ in range(repeats):
        for mode in modes:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.out_of_core", mode, str(path)], capture_output=True, text=True, check=True
            )
            results[mode].append(Run(**json.loads(done.stdout)))
    middle = [sorted(found, key=lambda run: run.seconds)[len(found) // 2] for found in results.values()]
    peaks = [max(run.extra_bytes for run in found) for found in results.values()]
    return [Run(run.what, run.seconds, peak, run.found) for run, peak in zip(middle, peaks, strict=True)]


def markdown(rows: list[Run]) -> str:
    """Table with the ratio of each row's time to the first one's."""
    lines = ["| call | s (median) | ratio | extra RSS, MB | features |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.what} | {row.seconds:.2f} | {row.seconds / rows[0].seconds:.1f} | {row.extra_bytes / 1e6:.0f} | {row.found:,} |"
        for row in rows
    ]
    return "\n".join(lines)


def table(shape: tuple[int, int, int], repeats: int, seed: int, *, voxels: int, share: float = 0.006, compressed: bool) -> str:
    """Write a volume, run every mode, and give the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "volume.h5"
        write_volume(path, shape, seed, voxels=voxels, share=share, compressed=compressed)
        return markdown(runs(path, repeats))


def _ours(path: Path, workers: int) -> int:
    from xctgraph.ingest import labelling, measurement, segmentation, volumes
    from xctgraph.ingest.resources import Resources
    from xctgraph.ingest.slabs import slabs

    with volumes.open_volume(path) as volume:
        segmenter = segmentation.threshold(bright=THRESHOLD)
        height = Resources(workers, 2 * 10**9).slab_height(str(path), volume.shape, volume.chunk_z, volume.dtype.itemsize)
        stream = slabs({"path": volume}, segmenter, height, source="path", grey="path")
        labelled = labelling.label(stream, volume.shape, workers=workers)
    return int(measurement.measure(labelled, (1.63, 1.63, 1.63), workers).num_rows)


def _cc3d(path: Path) -> int:
    """Components only: slabs labelled one by one, and joined where labels meet across a seam (26 neighbours)."""
    pairs: list[np.ndarray] = []
    total = 0
    last: np.ndarray | None = None
    with h5py.File(path) as file:
        data = file["data"]
        for z in range(0, data.shape[0], CC3D_SLAB):
            found, n = cc3d.connected_components(data[z : z + CC3D_SLAB] > THRESHOLD, connectivity=26, return_N=True)
            top = np.where(found[0] > 0, found[0].astype(np.int64) + total, 0)
            if last is not None:
                pairs += _seam(last, top)
            last = np.where(found[-1] > 0, found[-1].astype(np.int64) + total, 0)
            total += n
    ends = np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64)
    graph = coo_array((np.ones(len(ends), np.int8), tuple((ends - 1).T)), shape=(total, total))
    return int(connected_components(graph, directed=False)[0])


def _seam(below: np.ndarray, above: np.ndarray) -> list[np.ndarray]:
    padded = np.pad(above, 1)
    found = []
    for dy in range(3):
        for dx in range(3):
            other = padded[dy : dy + below.shape[0], dx : dx + below.shape[1]]
            both = (below > 0) & (other > 0)
            found.append(np.unique(np.stack([below[both], other[both]], axis=1), axis=0))
    return found


def _read(path: Path) -> int:
    with h5py.File(path) as file:
        data = file["data"]
        for z in range(0, data.shape[0], 32):
            data[z : z + 32]
    return 0


def _resident(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(field))


def _main(mode: str, path: Path) -> None:
    import time

    work = {
        "ours": ("xctgraph, all properties, one thread", lambda p: _ours(p, 1)),
        "ours two threads": ("xctgraph, all properties, two threads", lambda p: _ours(p, 2)),
        "cc3d": ("cc3d slabs of 128 + seam merge, labels only", _cc3d),
        "read": ("h5py: read the file once", _read),
    }
    what, call = work[mode]
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.h5"
        write_volume(small, (32, 64, 64), 0, voxels=25, share=0.01, compressed=False)
        call(small)  # imports and compiled kernels are not what is measured
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    found = call(path)
    seconds = time.perf_counter() - start
    print(json.dumps(Run(what, seconds, _resident("VmHWM") - before, found).__dict__))


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
