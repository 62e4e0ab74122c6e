"""Features of one scan as columns for the browser, largest first, and fractures as surfaces."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.explorer import binary
from xctgraph.explorer.problems import NotThere
from xctgraph.store import Manifest, Store
from xctgraph.store.errors import InputError, nearest
from xctgraph.store.schema import FEATURES

POSITION = ("z", "y", "x")
SIZE = "equivalent_diameter"
NUMERIC = tuple(c.name for c in FEATURES.columns if c.type != "string" and c.name not in ("t", "label", "feature_id", "scan_id"))
"""Columns that features can be coloured and filtered by."""
MESHES = 24
FACES = 36_000
_KEPT = 16

_T = TypeVar("_T")


class Scenes:
    """Scenes of a store; what was made for a revision is kept for a while."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[object, ...], Future[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def columns(self, sample: str, t: int, names: Sequence[str], start: int, stop: int | None) -> bytes:
        """Columns of the features at ranks `start` to `stop` - 1 by size: label, kind, position and those in `names`.

        Raises
        ------
        NotThere
            If the store has no such scan.
        InputError
            If a column is none of `NUMERIC`.
        """
        for name in names:
            if name not in NUMERIC:
                raise InputError(f"features have no numeric column {name!r}; {nearest(name, NUMERIC)}")
        revision = self._store.manifest()
        key = (revision.state, sample, t, *names, start, stop)
        made: bytes = self._keep(key, lambda: self._columns(revision, sample, t, names, start, stop))
        return made

    def surfaces(self, sample: str, t: int) -> bytes:
        """Surfaces of the largest fractures, one mesh each, all vertices and faces in one array.

        Raises
        ------
        NotThere
            If the store has no such scan.
        """
        revision = self._store.manifest()
        scan = self._scan(revision, sample, t)
        made: bytes = self._keep((revision.state, sample, t, "surfaces"), lambda: self._surfaces(revision, scan))
        return made

    def _columns(self, revision: Manifest, sample: str, t: int, names: Sequence[str], start: int, stop: int | None) -> bytes:
        scan = self._scan(revision, sample, t)
        order = self._keep((revision.state, sample, t, "order"), lambda: _order(self._read(revision, sample, t, [SIZE, "label"])))
        chosen = order[start:stop]
        rows = self._read(revision, sample, t, ["label", "kind", *POSITION, *names]).take(pa.array(chosen))
        kinds = pc.unique(self._read(revision, sample, t, ["kind"])["kind"]).to_pylist()
        kinds.sort()
        arrays: dict[str, NDArray[Any]] = {
            "label": rows["label"].to_numpy().astype(np.uint32),
            "kind": pc.index_in(rows["kind"], pa.array(kinds, pa.string())).to_numpy().astype(np.uint8),
        }
        arrays |= {name: _numbers(rows[name]) for name in (*POSITION, *names)}
        header = {
            "sample": sample,
            "t": t,
            "first_id": scan["scan_id"],
            "kinds": kinds,
            "total": len(order),
            "start": start,
            "spacing": self._spacing(revision, sample),
            "extent": [scan[f"n_{axis}"] for axis in "zyx"],
        }
        return binary.pack(header, arrays)

    def _surfaces(self, revision: Manifest, scan: dict[str, Any]) -> bytes:
        rows = self._read(revision, scan["sample"], scan["t"], ["label", "kind", "n_voxels"])
        fractures = rows.filter(pc.equal(rows["kind"], "fracture")).sort_by([("n_voxels", "descending"), ("label", "ascending")])
        wanted = fractures["label"].to_pylist()[:MESHES] if scan["has_voxels"] else []
        vertices, faces, listed = [np.empty((0, 3), np.float32)], [np.empty((0, 3), np.int32)], []
        if wanted:
            # Here, since marching cubes and numba take a second to load.
            from xctgraph.analysis.geometry import surface

            labels = self._store.labels(scan["sample"], scan["t"])
            spacing = self._spacing(revision, scan["sample"])
            for label in wanted:
                mesh = surface(labels, [label], (spacing[0], spacing[1], spacing[2]), max_faces=FACES // len(wanted))
                if not len(mesh.faces):
                    continue
                vertices.append(mesh.vertices)
                faces.append(mesh.faces)
                listed.append({"label": label, "vertices": len(mesh.vertices), "faces": len(mesh.faces), "step": mesh.step})
        header = {"sample": scan["sample"], "t": scan["t"], "meshes": listed, "fractures": fractures.num_rows}
        return binary.pack(header, {"vertices": np.concatenate(vertices), "faces": np.concatenate(faces)})

    def _scan(self, revision: Manifest, sample: str, t: int) -> dict[str, Any]:
        rows = self._store.read("scans", sample=sample, t=t, revision=revision).to_pylist()
        if not rows:
            held = ", ".join(f"{s} t = {','.join(map(str, revision.scans(s)))}" for s in revision.samples()) or "nothing yet"
            raise NotThere(f"the store holds no scan t = {t} of sample {sample!r}; it holds {held}")
        found: dict[str, Any] = rows[0]
        return found

    def _spacing(self, revision: Manifest, sample: str) -> list[float]:
        columns = [f"voxel_{axis}" for axis in "zyx"]
        rows = self._store.read("samples", sample=sample, columns=columns, revision=revision).to_pylist()
        return [rows[0][name] for name in columns]

    def _read(self, revision: Manifest, sample: str, t: int, names: list[str]) -> pa.Table:
        return self._store.read("features", sample=sample, t=t, columns=names, revision=revision)

    def _keep(self, key: tuple[object, ...], make: Callable[[], _T]) -> _T:
        """What `make` gives for the key, made once though several ask at the same time."""
        with self._lock:
            known = self._kept.get(key)
            future: Future[Any] = known or self._kept.setdefault(key, Future())
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        if known is None:
            try:
                future.set_result(make())
            except Exception as error:  # noqa: BLE001  # raised below, in every thread that waits for it
                with self._lock:
                    self._kept.pop(key, None)
                future.set_exception(error)
        found: _T = future.result()
        return found


def _order(rows: pa.Table) -> NDArray[np.int64]:
    """Ranks of the rows, largest first, ties by label."""
    found: NDArray[np.int64] = pc.sort_indices(rows, [(SIZE, "descending"), ("label", "ascending")]).to_numpy().astype(np.int64)
    return found


def _numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    """Float32, null as NaN; identifiers, which single precision cannot hold, as float64."""
    wide = pa.types.is_int64(column.type)
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(), np.float64 if wide else np.float32)
