"""Threads and memory: slabs cut to fit, and a clear refusal where they cannot."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import cc3d
import h5py
import numpy as np
import pytest

from xctgraph.ingest import config, labelling, pipeline
from xctgraph.ingest.labelling import Slab
from xctgraph.ingest.resources import BASE, SLAB_BYTES, Resources
from xctgraph.store import open_store
from xctgraph.store.errors import InputError
from xctgraph.store.limits import parse_bytes

XCTGRAPH = str(Path(sys.executable).parent / "xctgraph")


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * 10**9), ("500 MiB", 500 * 2**20), ("3g", 3 * 10**9), ("1.5 GiB", 3 * 2**29), ("123456", 123456), ("8kib", 8192)],
)
def test_sizes_as_users_write_them(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1GB", "two", "2 parsecs", "GB", "1e9"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="give a size with its unit, as in 2GB"):
        parse_bytes(text)


@pytest.mark.parametrize("memory", [2 * BASE, 3 * 10**9, 10**12])
@pytest.mark.parametrize("chunk", [1, 16, 1000])
@pytest.mark.parametrize("workers", [1, 2, 8])
def test_slabs_are_whole_chunks_that_fit(memory: int, chunk: int, workers: int) -> None:
    shape = (900, 200, 300)
    resources = Resources(workers, memory)
    height = resources.slab_height("v.h5", shape, chunk, 2)
    room = (memory - BASE) // 2 // resources.slabs_held
    assert height % chunk == 0 or height == shape[0] or chunk * 120_000 > room
    assert resources.plan(height, shape, 2) <= (memory + BASE) // 2
    assert height == shape[0] or (height + chunk) * 120_000 > min(SLAB_BYTES, room)


def test_a_slice_that_does_not_fit_is_refused_and_the_memory_named_is_enough() -> None:
    shape = (2000, 9000, 9000)
    with pytest.raises(InputError, match=r"v\.h5 has slices of 162\.0 MB, of which 4 are held at once") as caught:
        Resources(2, 10**9).slab_height("v.h5", shape, 500, 2)
    named = re.search(r"Give --memory (\S+) ", str(caught.value))
    assert named is not None
    assert Resources(2, parse_bytes(named[1])).slab_height("v.h5", shape, 500, 2) == 1


def test_workers_are_positive() -> None:
    with pytest.raises(InputError, match="workers = 0 is not valid"):
        Resources(0, 10**9)


def test_noise_beyond_the_memory_is_refused_while_slabs_come_in(rng: np.random.Generator) -> None:
    taken = []

    def slabs() -> object:
        for z in range(0, 100, 4):
            taken.append(z)
            yield Slab(z, classes=(rng.random((4, 100, 100)) < 0.5).astype(np.uint8))

    with pytest.raises(InputError, match=r"does not fit into memory: up to slice \d+ .* runs, which take .*stricter threshold"):
        labelling.label(slabs(), (100, 100, 100), memory=2_000_000)
    assert len(taken) < 25


def test_features_beyond_the_memory_are_refused_before_they_are_measured() -> None:
    classes = np.zeros((40, 40, 40), np.uint8)
    classes[::2, ::2, ::2] = 1
    with pytest.raises(InputError, match="it has 8,000 features"):
        labelling.label([Slab(0, classes=classes)], classes.shape, memory=8_000_000)


@pytest.mark.parametrize("kind", ["checkerboard", "noise", "foam"])
def test_dense_volumes_stay_below_the_memory_or_are_refused(kind: str, tmp_path: Path, rng: np.random.Generator) -> None:
    shape = (160, 160, 160)
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    foam = sum(np.sin(axis / 3.0) * np.cos(np.roll(axis, 1) / 3.0) for axis in np.broadcast_arrays(z, y, x)) > 0
    mask = {"checkerboard": (z + y + x) % 2 == 0, "noise": rng.random(shape) < 0.5, "foam": foam}[kind]
    _write(tmp_path, mask)
    refused = _ingest(tmp_path, "430MB")
    assert refused.returncode == 2, refused.stderr
    assert "does not fit into memory" in refused.stderr or "are held at once" in refused.stderr
    done = _ingest(tmp_path, "2GB")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scans"][0]["n_features"] == cc3d.connected_components(mask).max()


def test_all_foreground_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, np.ones((160, 160, 160), bool))
    refused = _ingest(tmp_path, "2GB")
    assert refused.returncode == 2
    assert "every voxel of v.h5 is foreground" in refused.stderr


def _write(folder: Path, mask: np.ndarray) -> None:
    with h5py.File(folder / "v.h5", "w") as file:
        file["data"] = mask.astype(np.uint8)


def _ingest(folder: Path, memory: str) -> subprocess.CompletedProcess[str]:
    command = [XCTGRAPH, "ingest", "v.h5", "--sample", "S", "--voxel-size", "1um", "--segmentation", "threshold:0.5", "--json"]
    return subprocess.run([*command, "--memory", memory], cwd=folder, capture_output=True, text=True, check=False)


def test_what_a_notebook_holds_is_not_the_ingests_but_the_ingest_keeps_to_its_memory(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    # Noise: as many runs as can be.
    grey = rng.integers(0, 2, (100, 200, 200), dtype=np.uint8)
    np.save(tmp_path / "v.npy", grey)
    given = {
        "sample": {"id": "S", "voxel_size_um": 1.0},
        "segmentation": {"method": "mask", "kinds": {1: "grain"}},
        "scan": [{"t": 0, "path": str(tmp_path / "v.npy")}],
    }
    held = np.ones(2 * 2**30, np.uint8)
    dataset = config.parse(given, origin="test")
    with open_store(tmp_path / "small.store", create=True) as store:
        with pytest.raises(InputError, match=r"takes \S+ GB, but 0\.51 GB are allowed\. Give --memory") as caught:
            pipeline.ingest(store, dataset, resources=Resources(1, BASE + 90 * 10**6))
        named = re.search(r"Give --memory (\S+);", str(caught.value))
        assert named is not None
        enough = parse_bytes(named[1])
        assert enough < 2**30 < held.nbytes
        (result,) = pipeline.ingest(store, dataset, resources=Resources(1, enough))
    assert result.action == "add"
    assert held.all()
