from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from xctgraph.ingest import volumes
from xctgraph.store import Job, Store, open_store
from xctgraph.store.errors import InputError, VolumeError
from xctgraph.store.ids import feature_id, scan_id
from xctgraph.store.schema import TABLES

FILL = {"int64": 0, "int32": 0, "float64": 0.0, "bool": False, "string": ""}
BOX = ((2, 4), (1, 5), (3, 9))


def row(table: str, **known: object) -> pa.Table:
    """One row with a neutral value in every column that is not given and may not be null."""
    columns = [
        c for c in TABLES[table].columns if c.name not in ("job_id", "sample", "t") and not (c.nullable and c.name not in known)
    ]
    return pa.Table.from_pylist([{c.name: known.get(c.name, FILL[c.type]) for c in columns}])


@pytest.fixture
def grey(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 60000, (6, 8, 10), dtype=np.uint16)


@pytest.fixture
def store(tmp_path: Path, grey: np.ndarray) -> Store:
    """One scan, stored with its axes in the order y, z, x, and one feature that fills `BOX`."""
    path = tmp_path / "scan.npy"
    np.save(path, grey.transpose(1, 0, 2))
    made = open_store(tmp_path / "s.store", create=True)
    job = Job("ingest", sample="S1", t=3, parameters={"sample": {"axes": "yzx"}})
    (z0, z1), (y0, y1), (x0, x1) = BOX
    box = {f"bbox_{a}_{e}": BOX["zyx".index(a)][i] for a in "zyx" for i, e in enumerate(("min", "max"))}
    rows = [{"z": z, "y": y, "x_start": x0, "x_stop": x1, "label": 1} for z in range(z0, z1) for y in range(y0, y1)]
    with made.write(job) as tx:
        tx.put("samples", row("samples"), sample="S1")
        size = dict(zip(("n_z", "n_y", "n_x"), grey.shape, strict=True))
        checksum = volumes.fingerprint(path) + "+fingerprint of the mask"
        tx.put(
            "scans",
            row("scans", scan_id=scan_id(0, 3), path=str(path), checksum=checksum, has_voxels=True, **size),
            sample="S1",
            t=3,
        )
        ids = {"feature_id": feature_id(0, 3, 1), "uid": "S1/3/1", "scan_id": scan_id(0, 3), "label": 1}
        tx.put("features", row("features", **ids, **box), sample="S1", t=3)
        tx.put("label_runs", pa.Table.from_pylist(rows), sample="S1", t=3)
    return made


@pytest.mark.parametrize("margin", [0, 1, 100])
def test_a_crop_holds_the_voxels_behind_the_row(margin: int, store: Store, grey: np.ndarray) -> None:
    crop = volumes.crop(store, "S1/3/1", margin=margin)
    box = tuple(slice(max(0, a - margin), b + margin) for a, b in BOX)
    inside = np.zeros(grey.shape, bool)
    inside[tuple(slice(a, b) for a, b in BOX)] = True
    np.testing.assert_array_equal(crop.raw, grey[box])
    np.testing.assert_array_equal(crop.mask, inside[box])
    assert crop.offset == tuple(s.start for s in box)


def test_features_that_are_not_there(store: Store) -> None:
    with pytest.raises(InputError, match=r"no feature 2: it has 1"):
        volumes.crop(store, "S1/3/2")
    with pytest.raises(InputError, match=r"no scan t = 4.*it has: S1/3"):
        volumes.crop(store, "S1/4/1")
    with pytest.raises(InputError, match=r"sample/t/label"):
        volumes.crop(store, "S1-3-1")
    with pytest.raises(InputError, match=r"margin -1"):
        volumes.crop(store, "S1/3/1", margin=-1)


def test_a_changed_or_missing_volume_is_an_error(store: Store, grey: np.ndarray, tmp_path: Path) -> None:
    changed = grey.transpose(1, 0, 2).copy()
    changed[0, 0, 0] ^= 1
    np.save(tmp_path / "scan.npy", changed)
    with pytest.raises(VolumeError, match=r"not the volume that was ingested.*Put the original back"):
        volumes.crop(store, "S1/3/1")
    (tmp_path / "scan.npy").unlink()
    with pytest.raises(VolumeError, match=r"scan.npy is not there"):
        volumes.crop(store, "S1/3/1")
