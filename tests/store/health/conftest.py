"""A store of two samples with all its projections, made once; each test gets a copy."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from xctgraph.ingest import config, pipeline
from xctgraph.store import Job, Store, open_store

SHAPE = (16, 24, 24)


def volume(rng: np.random.Generator, folder: Path, t: int) -> Path:
    mask = np.zeros(SHAPE, np.uint8)
    for k, (z, y, x) in enumerate(rng.integers(1, np.array(SHAPE) - 5, (8, 3))):
        mask[z : z + 2, y : y + 3, x : x + 2] = 1 + k % 2
    # Neighbours for certain, so that no edge table is empty.
    mask[5:7, 5:8, 5:8], mask[5:7, 5:8, 8:10], mask[11:13, 5:8, 5:7] = 1, 2, 1
    path = folder / f"{t}-{secrets.token_hex(4)}.npy"
    np.save(path, mask)
    return path


def dataset(paths: dict[int, Path], sample: str = "S1") -> config.Dataset:
    return config.parse(
        {
            "sample": {"id": sample, "voxel_size_um": [2, 1, 1]},
            "segmentation": {"method": "mask", "kinds": {1: "inclusion", 2: "pore"}},
            "proximity": {"gap_um": 8},
            "scan": [{"t": t, "path": str(path)} for t, path in paths.items()],
        },
        origin="test",
    )


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("health")
    rng = np.random.default_rng(secrets.randbits(31))
    with open_store(folder / "xct.store", create=True) as store:
        same = volume(rng, folder, 0)
        pipeline.ingest(store, dataset({0: same, 1: volume(rng, folder, 1), 3: same}))
        pipeline.ingest(store, dataset({0: volume(rng, folder, 0)}, "S2"))
    return folder / "xct.store"


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Store:
    """A store with scans t = 0, 1, 3 of S1 and t = 0 of another sample, projections current, revisions 1 to 4."""
    shutil.copytree(made, tmp_path / "xct.store")
    return open_store(tmp_path / "xct.store")


def rewrite(store: Store, table: str, sample: str, t: int | None, **changes: object) -> None:
    """Commit the rows of a part with other values in the first row."""
    rows = store.read(table, sample=sample, t=t).to_pylist()
    assert rows, f"no {table} of {sample} at {t}"
    rows[0].update(changes)
    with store.write(Job("by hand", sample=sample)) as tx:
        tx.put(table, pa.Table.from_pylist(rows, store.read(table).schema), sample=sample, t=t)
