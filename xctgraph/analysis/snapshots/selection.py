"""Which scans, kinds and features an export takes, and their tables as the parts hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.analysis.snapshots.columns import NODE_TYPES, SCAN_ATTRIBUTES
from xctgraph.store import Store, duck, ids, parts, schema
from xctgraph.store.arrow import schema as arrow_schema
from xctgraph.store.errors import InputError, nearest
from xctgraph.store.manifest import Manifest

Scans = int | range | slice | None


@dataclass(frozen=True)
class Parts:
    """The parts of one revision, so that a writer at work in between cannot mix two."""

    root: Path
    manifest: Manifest

    def read(self, table: str, columns: Sequence[str] | None = None, **where: Any) -> pa.Table:
        """Rows of a table, of one sample and scan where given."""
        return parts.read(self.root, table, self.manifest.select(table, **where), columns)

    def has(self, table: str, **where: Any) -> bool:
        """Whether the table was written for a sample and scan, be it without rows."""
        return bool(self.manifest.select(table, **where))


@dataclass(frozen=True)
class Scan:
    """One scan of a selection: its row of `scans` (`SCAN_ATTRIBUTES`), voxel size z, y, x in µm, and the scans beside it."""

    sample: str
    t: int
    row: dict[str, Any]
    voxel_size: tuple[float, float, float]
    previous: int | None
    next: int | None

    @property
    def where(self) -> dict[str, Any]:
        """Sample and scan, as `Parts.read` takes them."""
        return {"sample": self.sample, "t": self.t}


@dataclass(frozen=True)
class Selection:
    """What an export takes; made by `select`. All of it comes from one revision of the store."""

    source: Parts
    scans: tuple[Scan, ...]
    kinds: tuple[str, ...] | None
    where: str | None
    radius: float | None
    samples: tuple[str, ...]

    def nodes(self, table: str, scan: Scan, columns: Sequence[str] | None = None) -> pa.Table:
        """Rows of a table of nodes in one scan, whether selected or not, ascending by key."""
        rows = self.source.read(table, columns, **scan.where)
        key = schema.TABLES[table].key[0]
        held = rows[key].to_numpy()
        return rows.sort_by(key) if (held[1:] < held[:-1]).any() else rows

    def taken(self, features: pa.Table, scan: Scan) -> NDArray[np.bool_] | None:
        """Which of the features `where` takes, a mask in their order; None for all of them."""
        if self.where is None:
            return None
        everything = self.source.read("features", _known_at_t(), **scan.where)
        return np.isin(features["feature_id"].to_numpy(), matching(everything, self.where))

    def features(self, scan: Scan, columns: Sequence[str] | None = None) -> pa.Table:
        """Rows of the selected features of one scan, ascending by feature_id."""
        wanted = None if columns is None else list(dict.fromkeys(["feature_id", "kind", *columns]))
        rows = self.nodes("features", scan, wanted)
        taken = self.taken(rows, scan)
        if taken is not None:
            rows = rows.filter(pa.array(taken))
        if self.kinds is not None:
            rows = rows.filter(pc.is_in(rows["kind"], pa.array(self.kinds, pa.string())))
        return rows if columns is None else rows.select(columns)

    def edges(self, table: str, scan: Scan, columns: Sequence[str] | None = None) -> pa.Table:
        """Rows of a table of edges that leave one scan; NEAR up to `radius`, but else whether their ends are selected or not."""
        rows = self.source.read(table, columns, **scan.where)
        return rows.filter(pc.less_equal(rows["gap"], self.radius)) if table == "near" and self.radius is not None else rows

    def has_type(self, table: str, scan: Scan) -> bool:
        """Whether front sites or regions are to be nodes: as `kinds` says, by default where the scan has rows."""
        if self.kinds is not None:
            return NODE_TYPES[table] in self.kinds
        return any(part.rows for part in self.source.manifest.select(table, **scan.where))


def select(
    store: Store,
    *,
    samples: Sequence[str] | None = None,
    t: Scans = None,
    kinds: Sequence[str] | None = None,
    where: str | None = None,
    radius: float | None = None,
    revision: Manifest | None = None,
) -> Selection:
    """Choose scans and features of a store; read from its parts, so the projections need not be current.

    Parameters
    ----------
    store
        Open store.
    samples
        Names of samples; all by default.
    t
        A scan index, `range(a, b)` or `slice(a, b)` of them; all by default.
    kinds
        Kinds of features, and `front_site`, `region`; by default whatever a scan has.
    where
        SQL condition on the columns of `features` (docs/schema.md), evaluated scan by scan:
        `"equivalent_diameter > 10 AND NOT border_touching"`. A null is not taken.
    radius
        Largest gap of a NEAR edge, µm; all NEAR edges of the store by default.
    revision
        Revision to read, as from `store.manifest()`; the newest by default.

    Raises
    ------
    InputError
        If a sample or kind is unknown, no scan lies in `t`, `where` is no condition, or `radius` exceeds the gap up to which
        the store holds NEAR.
    """
    source = Parts(store.path, revision or store.manifest())
    scans, reach = _scans(source, samples, t)
    types = tuple(dict.fromkeys(kinds or ())) or None
    if where is not None:
        matching(arrow_schema("features").empty_table().select(_known_at_t()), where)
    if radius is not None and not 0 <= radius <= reach:
        raise InputError(
            f"radius = {radius:g}: the store holds NEAR up to a gap of {reach:g} um; give 0 to {reach:g}, "
            "or ingest with a larger gap_um ([proximity] of the DATASET.toml)"
        )
    if types:
        _check_kinds(source, scans, types)
    return Selection(source, scans, types, where, radius, tuple(dict.fromkeys(scan.sample for scan in scans)))


def matching(features: pa.Table, where: str) -> NDArray[np.int64]:
    """Ids of the features that fulfil an SQL condition.

    Raises
    ------
    InputError
        If `where` is no condition on the columns of `features`.
    """
    with duck.connect(enable_external_access=False, python_enable_replacements=False) as database:
        database.register("features", features)
        try:
            rows = database.table("features").filter(where).select("feature_id")
            return np.asarray(rows.to_arrow_table()["feature_id"].to_numpy(), np.int64)
        except duckdb.Error as error:
            raise InputError(
                f"{where!r} is no condition on features ({str(error).partition(chr(10))[0]}): write SQL over the columns of "
                'docs/schema.md, as in "equivalent_diameter > 10 AND NOT border_touching"'
            ) from error


def _known_at_t() -> list[str]:
    return [column.name for column in schema.FEATURES.columns if column.known_at == "t"]


def _scans(source: Parts, samples: Sequence[str] | None, t: Scans) -> tuple[tuple[Scan, ...], float]:
    table = source.read("scans", ["sample", "t", "near_gap", *SCAN_ATTRIBUTES])
    rows: list[dict[str, Any]] = table.sort_by([("sample", "ascending"), ("t", "ascending")]).to_pylist()
    known = {row["sample"] for row in rows}
    for sample in samples or ():
        if sample not in known:
            raise InputError(f"the store has no sample {sample!r}: {nearest(sample, known)}")
    wanted = range(t, t + 1) if isinstance(t, int) else range(ids.MAX_T + 1)[t] if isinstance(t, slice) else t
    voxels = {s["sample"]: tuple(s[f"voxel_{axis}"] for axis in "zyx") for s in source.read("samples").to_pylist()}
    found: list[Scan] = []
    scans_of = {sample: [row["t"] for row in rows if row["sample"] == sample] for sample in known}
    for row in rows:
        sample, scan = row["sample"], row["t"]
        if (not samples or sample in samples) and (wanted is None or scan in wanted):
            held = scans_of[sample]
            k = held.index(scan)
            beside = held[k - 1] if k else None, held[k + 1] if k + 1 < len(held) else None
            found.append(Scan(sample, scan, row, voxels[sample], *beside))
    if not found and (rows or samples):
        valid = ", ".join(str(r["t"]) for r in rows if not samples or r["sample"] in samples)
        raise InputError(f"no scan has t in {t!r}: the store holds t = {valid}")
    if not found:
        raise InputError("the store holds no scan: run `xctgraph ingest` first")
    return tuple(found), min(scan.row["near_gap"] for scan in found)


def _check_kinds(source: Parts, scans: Sequence[Scan], kinds: Sequence[str]) -> None:
    held = {name for table, name in NODE_TYPES.items() if any(source.has(table, **scan.where) for scan in scans)}
    for scan in scans:
        if held.issuperset(kinds):
            return
        held |= set(pc.unique(source.read("features", ["kind"], **scan.where)["kind"]).to_pylist())
    unknown = [kind for kind in kinds if kind not in held]
    if unknown:
        raise InputError(f"no feature of the chosen scans is of kind {unknown[0]!r}: {nearest(unknown[0], held)}")
