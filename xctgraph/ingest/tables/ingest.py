"""Tables into a store: planned as a whole, then one revision per scan, like volumes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.ingest import commit, given, pipeline, plan, regions, rows, series
from xctgraph.ingest.given import GivenLinks
from xctgraph.ingest.pipeline import ScanResult
from xctgraph.ingest.tables import columns, features, geff, read
from xctgraph.ingest.tables.config import TableDataset, TableScan
from xctgraph.store import Store
from xctgraph.store.errors import InputError, ScanExists
from xctgraph.store.ids import MAX_T
from xctgraph.store.job import Job
from xctgraph.store.progress import Progress, silent

Links = NDArray[np.int64]
Said = float | str | None


@dataclass(frozen=True)
class TablePlan:
    """One scan of the tables, and what will be done with it.

    `found` are its features, ranked; `links` those given that concern it, None where they are to be searched.
    """

    t: int
    paths: tuple[str, ...]
    found: pa.Table
    links: GivenLinks | None
    described: dict[str, Said]
    checksum: str
    parameters: str
    action: plan.Action
    warnings: tuple[str, ...]


def plan_tables(store: Store | None, dataset: TableDataset, *, replace: bool) -> list[TablePlan]:
    """Read and check all tables of a dataset, and decide what to do with each scan, in the order of t; no store is an empty one.

    Raises
    ------
    InputError
        If a table is wrong, ids are given twice, or the sample is in the store with another voxel size or shape.
    ScanExists
        If a scan is there with other rows or parameters and `replace` is false.
    """
    tables, links, warnings = _read(dataset)
    known = plan.known_scans(store, dataset.sample.id, set(tables)) if store is not None else {}
    if store is not None:
        plan.check_voxel_size(store, dataset)
    others = {t: (row["shape"], row["read"]) for t, row in known.items() if t not in tables}
    plan.check_shapes(others | dict.fromkeys(tables, (dataset.sample.shape, dataset.sample.shape)))
    plans = []
    for t, (paths, table) in sorted(tables.items()):
        scans = [scan for scan in dataset.scan if scan.t == t]
        described = {name: _said(scans, name) for name in rows.DESCRIBED}
        concerned = None if links is None else links.of_scan(t)
        found = features.ranked(table)
        in_table = concerned if dataset.table.format == "geff" else None
        apart = None if links is None or in_table is not None else links.digest(t)
        checksum, wanted = _checksum(found, t, in_table), _parameters(dataset, scans, described, apart)
        name = f"scan t = {t} of sample {dataset.sample.id!r}"
        action = plan.decide(known.get(t), checksum, wanted, name, "table", replace=replace)
        plans.append(TablePlan(t, paths, found, concerned, described, checksum, wanted, action, warnings))
        warnings = ()
    planned = {one.t: series.Moment(one.described["time_s"], one.described["acquired_at"], one.checksum) for one in plans}
    doubts = series.check(series.held(store, dataset.sample.id), planned)
    regions.check_cells(dataset.region_cell_um, dataset.sample.shape, dataset.sample.voxel_size_um)
    return [dataclasses.replace(one, warnings=(*one.warnings, *doubts.get(one.t, ()))) for one in plans]


def ingest(
    store: Store,
    dataset: TableDataset,
    *,
    replace: bool = False,
    live: bool = False,
    project: bool = True,
    progress: Progress = silent,
) -> list[ScanResult]:
    """Bring the tables of a dataset into a store: one revision per scan, skipped where it is there with the same rows.

    Parameters
    ----------
    replace
        Make scans anew that are there with other rows or parameters.
    live
        Bring the projections up to date after each scan, and not only at the end.
    project
        Bring them up to date at all; without, the next reader or `Store.project` does.

    Raises
    ------
    InputError
        If a table or the dataset is wrong; before any work.
    ScanExists
        If a scan is there with other rows or parameters and `replace` is false; before any work.
    EngineError
        If the graph engine cannot be reached or holds another store's graph; before any work.
    StoreLocked
        If another writer is at work.
    """
    plans = plan_tables(store, dataset, replace=replace)
    store.engine.held()
    pipeline.refresh_sample(store, dataset)
    results = []
    for one in plans:
        if one.action == "skip":
            results.append(pipeline.skipped(store, dataset.sample.id, one.t, one.warnings))
        else:
            results.append(_ingest_scan(store, dataset, one, progress))
        if live and project:
            store.project(progress=progress)
    if project:
        store.project(progress=progress)
    return results


def _ingest_scan(store: Store, dataset: TableDataset, one: TablePlan, progress: Progress) -> ScanResult:
    sample = dataset.sample.id
    job = Job(
        command="ingest tables",
        sample=sample,
        t=one.t,
        parameters=json.loads(one.parameters),
        inputs={"paths": list(one.paths), "checksum": one.checksum} | ({} if one.links is None else {"links": one.links.path}),
    )
    with store.write(job) as tx:
        if one.action == "add" and one.t in tx.base.scans(sample):
            raise ScanExists(
                f"another ingest has added scan t = {one.t} of sample {sample!r} in the meantime: run the same command again"
            )
        origin = rows.Origin(sample, tx.sample_no(sample), one.t)
        progress(f"t = {one.t}: finding neighbours and links", 0, 0)
        pipeline.describe_sample(tx, dataset, origin)
        for name in ("label_runs", "material_runs"):
            tx.drop(name, sample=sample, t=one.t)
        given.put(tx, sample, one.t, one.links)
        space, drift = dataset.space(dataset.sample.shape), dataset.correspondence.max_drift_um
        found = one.found.drop_columns(["t"]) if "t" in one.found.column_names else one.found
        done = commit.stage(tx, origin, _scan_row(dataset, one, origin), rows.features(found, origin), None, space, drift)
        done.refuse_unregistered(dataset.correspondence.unregistered)
    return ScanResult.of(one.t, one.action, done, {}, one.warnings)


def _read(dataset: TableDataset) -> tuple[dict[int, tuple[tuple[str, ...], pa.Table]], GivenLinks | None, tuple[str, ...]]:
    """Features of each scan as (paths, table), the links if they are given, and warnings."""
    shared = dataset.table.path
    if shared is None:
        pieces = [(scan.t, str(scan.path), *_read_one(dataset, str(scan.path), scan.kind)) for scan in dataset.scan]
        warnings = tuple(warning for *_, told in pieces for warning in told)
    else:
        table, links, warnings = _read_one(dataset, shared, None)
        if "t" not in table.column_names:
            raise InputError(f"{shared} holds all scans, but has no column `t`: say what it is called under [columns]")
        _check_times(shared, table, dataset.scan)
        times = sorted({*pc.unique(table["t"]).to_pylist(), *(scan.t for scan in dataset.scan)})
        pieces = [(t, shared, table.filter(pc.equal(table["t"], t)), links, warnings) for t in times]
    tables: dict[int, tuple[tuple[str, ...], pa.Table]] = {}
    for t, path, piece, *_ in pieces:
        _once(path, piece, t)
        others = [] if "t" not in piece.column_names else [value for value in pc.unique(piece["t"]).to_pylist() if value != t]
        if others:
            raise InputError(
                f"{path} is given for scan t = {t}, but its column `t` says {others[0]}: give a file with all scans as `path` "
                "in [table], or the right t"
            )
        paths, earlier = tables.get(t, ((), piece.schema.empty_table()))
        tables[t] = ((*paths, path), pa.concat_tables([earlier, piece], promote_options="default"))
    if dataset.correspondence.links is not None:
        read_links = given.read(dataset.correspondence.links, tables)
        for t, (_, table) in tables.items():
            given.check_labels(read_links, t, table["source_label"].to_numpy())
        return tables, read_links, (*warnings, *given.doubts(read_links, tables))
    if dataset.table.format != "geff":
        return tables, None, warnings
    if shared is None:
        raise InputError("a GEFF holds all scans and their links: give it as `path` in [table], not in [[scan]]")
    in_table, left_out = _links(shared, pieces[0][3], tables)
    return tables, in_table, warnings + left_out


def _read_one(dataset: TableDataset, path: str, kind: str | None) -> tuple[pa.Table, Links, tuple[str, ...]]:
    if dataset.table.format == "geff":
        raw, links = geff.read(path)
    else:
        wanted = [columns.headings(dataset, axis) for axis in "zyx"]
        raw, links = read.read(path, wanted, separator=dataset.table.separator), np.zeros((0, 2), np.int64)
    table, warnings = features.from_raw(dataset, raw, kind)
    return table, links, warnings


def _check_times(path: str, table: pa.Table, scans: list[TableScan]) -> None:
    found = sorted(pc.unique(table["t"]).to_pylist())
    if found and not 0 <= found[0] <= found[-1] <= MAX_T:
        raise InputError(f"{path}: t goes from {found[0]} to {found[-1]}, valid are 0 to {MAX_T}")
    missing = [scan.t for scan in scans if scan.t not in found]
    if missing:
        raise InputError(f"{path} has no rows of t = {missing[0]}, which a [[scan]] describes; it has {found[:10]}")


def _once(path: str, table: pa.Table, t: int) -> None:
    label = table["source_label"].to_numpy()
    values, counts = np.unique(label, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"{path}: the id {values[counts > 1][0]} is given {counts.max()} times in scan t = {t}: ids must be unique in a scan"
        )


def _links(path: str, edges: Links, tables: dict[int, tuple[tuple[str, ...], pa.Table]]) -> tuple[GivenLinks, tuple[str, ...]]:
    """Links of a GEFF, earlier end first; those that skip scans are left out with a warning."""
    time = {label: t for t, (_, table) in tables.items() for label in table["source_label"].to_pylist()}
    unknown = sorted({*edges.ravel().tolist()} - time.keys())
    if unknown:
        raise InputError(f"{path}: an edge names the node {unknown[0]}, which does not exist")
    ends = sorted({(time[a], a, time[b], b) if time[a] <= time[b] else (time[b], b, time[a], a) for a, b in edges.tolist()})
    times = sorted(tables)
    following = dict(pairwise(times))
    kept = [end for end in ends if following.get(end[0]) == end[2]]
    n = len(ends) - len(kept)
    warning = f"{path}: {n} of {len(ends)} links do not join a scan and the next one: they are left out"
    made = GivenLinks(path, np.array(kept, np.int64).reshape(-1, 4), np.full(len(kept), np.nan), np.arange(len(kept)))
    return made, (warning,) if n else ()


def _scan_row(dataset: TableDataset, one: TablePlan, origin: rows.Origin) -> pa.Table:
    shape, spacing = dataset.sample.shape, dataset.sample.voxel_size_um
    row = {
        "scan_id": origin.scan_id,
        **one.described,
        **dict(zip(("n_z", "n_y", "n_x"), shape, strict=True)),
        "path": ", ".join(str(Path(path).absolute()) for path in one.paths),
        "checksum": one.checksum,
        "material_volume": float(np.prod(shape, dtype=np.float64) * np.prod(spacing)),
        "near_gap": dataset.gap_um,
        "cluster_gap": dataset.cluster_gap_um,
        "density_radius": dataset.density_radius_um,
        "region_cell": dataset.region_cell_um,
        "has_voxels": False,
        "links_given": one.links is not None,
    }
    return pa.Table.from_pylist([row])


def _said(scans: list[TableScan], name: str) -> Said:
    return next((value for scan in scans if (value := getattr(scan, name)) is not None), None)


def _checksum(found: pa.Table, t: int, links: GivenLinks | None) -> str:
    """Sha256 of the rows and of the links that arrive, whatever file they stand in and in which order."""
    digest = hashlib.sha256()
    for name in sorted(found.column_names):
        column = found[name]
        if pa.types.is_string(column.type):
            content = json.dumps(column.to_pylist()).encode()
        else:
            content = np.ascontiguousarray(column.to_numpy()).tobytes()
        digest.update(name.encode() + b"\0" + content)
    if links is not None:
        digest.update(np.ascontiguousarray(links.ends[links.ends[:, 2] == t]).tobytes())
    return digest.hexdigest()


def _parameters(dataset: TableDataset, scans: list[TableScan], described: dict[str, Said], links: str | None) -> str:
    """JSON of all that decides the rows of a scan, apart from the tables; `links` is the digest of those that a file gives."""
    return json.dumps(
        {
            "sample": dataset.sample.model_dump(include={"voxel_size_um", "shape"}),
            "table": dataset.table.model_dump(exclude={"path"}),
            "columns": dataset.columns,
            "units": dataset.units,
            "kinds": dataset.kinds,
            "gap_um": dataset.gap_um,
            "cluster_gap_um": dataset.cluster_gap_um,
            "density_radius_um": dataset.density_radius_um,
            "load_axis": dataset.sample.load_axis,
            "region_cell_um": dataset.region_cell_um,
            "correspondence": dataset.correspondence.decides(links),
            "scan": described | {"kinds": [scan.kind for scan in scans]},
        },
        sort_keys=True,
    )
