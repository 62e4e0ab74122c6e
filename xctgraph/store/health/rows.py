"""Rows against each other: keys, ends of edges, ids, units, the chain of scans, tracks. Out of core, in DuckDB."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import duckdb

from xctgraph.store import delta
from xctgraph.store.health.fault import FROM_BACKUP, Fault
from xctgraph.store.ids import LABEL_BITS, SCAN_BITS
from xctgraph.store.parts import Part
from xctgraph.store.schema import TABLES
from xctgraph.store.schema_records import LABEL_RUNS
from xctgraph.store.table import Table

_REMEDY = f"ingest what is concerned anew with --replace, or {FROM_BACKUP}; the present rows stay until then"
_SCAN_ID = f"(s.sample_no::HUGEINT * {1 << SCAN_BITS} + a.t::BIGINT * {1 << LABEL_BITS})"
_VOLUME = "a.n_voxels * s.voxel_z * s.voxel_y * s.voxel_x"
_SMALL = 200_000
_SAME_SCAN = ("near", "touches", "faces", "adjacent")
_TO_LATER = ("next", "fields")


@dataclass(frozen=True)
class _Rule:
    """What must not be: `query` gives a column `who` with one row per violation."""

    table: str
    needs: tuple[str, ...]
    what: str
    query: str


def check(root: Path, parts: Iterable[Part], broken: AbstractSet[str]) -> Iterator[Fault]:
    """Every rule that rows break, with the number of rows and one example.

    `broken` names the tables of which a part has a fault of its own: rules that need one of them are left out.
    """
    by_table: dict[str, list[Part]] = {}
    for part in parts:
        if part.table not in broken:
            by_table.setdefault(part.table, []).append(part)
    with tempfile.TemporaryDirectory(prefix="xctgraph-") as folder, delta.connection(Path(folder)) as database:
        for name, chosen in by_table.items():
            # Dozens of rules read the same files: what is small is read once.
            form = "TABLE" if sum(part.rows for part in chosen) <= _SMALL else "VIEW"
            database.execute(f'CREATE {form} "{name}" AS SELECT * FROM {delta.relation(root, TABLES[name], chosen)}')
        for name in TABLES.keys() - by_table.keys() - broken:
            database.execute(f'CREATE VIEW "{name}" AS SELECT * FROM {delta.relation(root, TABLES[name], [])}')
        database.execute("CREATE TABLE _labelled (sample VARCHAR, t INTEGER)")
        for part in by_table.get(LABEL_RUNS.name, ()):
            database.execute("INSERT INTO _labelled VALUES (?, ?)", [part.sample, part.t])
        for rule in _rules():
            if rule.table in by_table and not broken & {rule.table, *rule.needs}:
                yield from _apply(database, rule)
        for part in by_table.get(LABEL_RUNS.name, ()) if "features" not in broken else ():
            yield from _apply(database, _voxels_of_runs(root, part))


def _apply(database: duckdb.DuckDBPyConnection, rule: _Rule) -> Iterator[Fault]:
    try:
        ((n, example),) = database.execute(f"SELECT count(*), min(who::VARCHAR) FROM ({rule.query})").fetchall()
    except duckdb.Error as error:
        yield Fault("rows", rule.table, f"it cannot be told whether {rule.what!r} holds: {error}", _REMEDY)
        return
    if n:
        yield Fault("rows", rule.table, f"{n} {'row' if n == 1 else 'rows'} ({example}): {rule.what}", _REMEDY)


def _rules() -> Iterator[_Rule]:
    for table in TABLES.values():
        yield from _of_table(table)
    yield from _features()
    yield from _series()


def _of_table(table: Table) -> Iterator[_Rule]:
    name = table.name
    if table.key:
        who = " || '-' || ".join(f'"{key}"' for key in table.key)
        keys = ", ".join(f'"{key}"' for key in table.key)
        yield _Rule(name, (), "the key is there twice", f'SELECT {who} AS who FROM "{name}" GROUP BY {keys} HAVING count(*) > 1')
    if "sample" in table.names and name not in ("samples", "jobs"):
        yield _absent(name, "sample", "samples", "sample", "of a sample that has no record")
    if "t" in table.names and name not in ("scans", "jobs"):
        query = (
            f"SELECT DISTINCT a.sample || '/' || a.t AS who FROM \"{name}\" a "
            "ANTI JOIN scans b ON a.sample = b.sample AND a.t = b.t"
        )
        yield _Rule(name, ("scans",), "of a scan that has no record", query)
    if "job_id" in table.names and name != "jobs":
        yield _absent(name, "job_id", "jobs", "job_id", "made by a job that is not in `jobs`")
    for column, label in (("source", table.edge_from), ("target", table.edge_to)) if table.edge else ():
        node = next(t for t in TABLES.values() if t.node == label)
        same = " AND a.sample = b.sample"
        if name in _SAME_SCAN or column == "source":
            same += " AND a.t = b.t"
        elif name == "next":
            same += " AND a.t + a.dt = b.t"
        query = (
            f"SELECT a.source || '-' || a.target AS who FROM \"{name}\" a "
            f'ANTI JOIN "{node.name}" b ON a."{column}" = b."{node.key[0]}"{same}'
        )
        yield _Rule(name, (node.name,), f"the {column} is no {label} of its scan", query)
    if name in ("near", "touches"):
        query = f"SELECT source || '-' || target AS who FROM \"{name}\" WHERE source >= target"
        yield _Rule(name, (), "not from the smaller to the larger id", query)


def _features() -> Iterator[_Rule]:
    join = "FROM features a JOIN samples s USING (sample) WHERE"

    def of_sample(what: str, condition: str) -> _Rule:
        return _Rule("features", ("samples",), what, f"SELECT a.uid AS who {join} {condition}")

    yield of_sample("feature_id is not that of sample, t and label", f"a.feature_id <> {_SCAN_ID} + a.label OR a.label < 1")
    yield of_sample("scan_id is not that of sample and t", f"a.scan_id <> {_SCAN_ID}")
    yield of_sample("uid is not sample/t/label", "a.uid <> a.sample || '/' || a.t || '/' || a.label")
    voxels = "EXISTS (FROM _labelled r WHERE r.sample = a.sample AND r.t = a.t)"
    volume = "volume is not n_voxels times the volume of a voxel"
    yield of_sample(volume, f"{voxels} AND NOT abs(a.volume - {_VOLUME}) <= 1e-9 * {_VOLUME}")
    diameter = "cbrt(6 * a.volume / pi())"
    yield of_sample(
        "equivalent_diameter is not that of a sphere of the volume",
        f"{voxels} AND NOT abs(a.equivalent_diameter - {diameter}) <= 1e-9 * {diameter}",
    )
    offset = ", ".join(f"max(a.{x} - a.v{x} * s.voxel_{x}) - min(a.{x} - a.v{x} * s.voxel_{x}) AS d{x}" for x in "zyx")
    farthest = ", ".join(f"max(abs(a.{x}))" for x in "zyx")
    yield _Rule(
        "features",
        ("samples",),
        "positions in um and in voxels differ by more than the voxel size and one offset",
        f"SELECT sample || '/' || t AS who FROM (SELECT a.sample, a.t, greatest({farthest}) AS far, {offset} {join} {voxels} "
        "GROUP BY a.sample, a.t) WHERE greatest(dz, dy, dx) > 1e-6 * (1 + far)",
    )
    for column, table, key, what in (
        ("track_id", "tracks", "track_id", "track_id is no track of the sample"),
        ("region_id", "regions", "region_id", "region_id is no region of the sample"),
        ("cluster_id", "features", "feature_id", "cluster_id is no feature of the sample"),
    ):
        query = (
            f'SELECT a.uid AS who FROM features a ANTI JOIN "{table}" b ON a."{column}" = b."{key}" AND a.sample = b.sample '
            f'WHERE a."{column}" IS NOT NULL'
        )
        yield _Rule("features", (table,), what, query)
    yield _absent("front_sites", "feature_id", "features", "feature_id", "of a fracture that is not there")


def _series() -> Iterator[_Rule]:
    voxels = " OR ".join(f"NOT (voxel_{axis} > 0 AND isfinite(voxel_{axis}))" for axis in "zyx")
    yield _Rule("samples", (), "the voxel size is not positive", f"SELECT sample AS who FROM samples WHERE {voxels}")
    yield _Rule(
        "samples",
        (),
        "two samples have one number",
        "SELECT sample_no AS who FROM samples GROUP BY sample_no HAVING count(*) > 1",
    )
    scan = "SELECT a.sample || '/' || a.t AS who FROM scans a JOIN samples s USING (sample) WHERE"
    yield _Rule("scans", ("samples",), "scan_id is not that of sample and t", f"{scan} a.scan_id <> {_SCAN_ID}")
    yield _Rule(
        "scans",
        (),
        "previous_scan_id is not the scan before",
        "SELECT sample || '/' || t AS who FROM (SELECT sample, t, previous_scan_id, "
        "lag(scan_id) OVER (PARTITION BY sample ORDER BY t) AS before FROM scans) WHERE previous_scan_id IS DISTINCT FROM before",
    )
    following = "(SELECT sample, t, lead(t) OVER (PARTITION BY sample ORDER BY t) AS later FROM scans)"
    for name in _TO_LATER:
        yield _Rule(
            name,
            ("scans",),
            "leads to another scan than the next one",
            f"SELECT DISTINCT a.sample || '/' || a.t AS who FROM {name} a JOIN {following} b USING (sample, t) "
            "WHERE a.t + a.dt IS DISTINCT FROM b.later",
        )
    made = (
        "(SELECT track_id, sample, min(t) AS t_first, max(t) AS t_last, count(*) AS n_features, arg_min(kind, t) AS kind, "
        "arg_min(feature_id, t) AS first FROM features GROUP BY track_id, sample)"
    )
    columns = ("t_first", "t_last", "n_features", "kind")
    differs = " OR ".join(f"a.{name} IS DISTINCT FROM b.{name}" for name in columns)
    yield _Rule(
        "tracks",
        ("features",),
        f"{', '.join(columns)} are not those of its features, or it is not named by the first",
        f"SELECT a.track_id AS who FROM tracks a LEFT JOIN {made} b USING (track_id, sample) "
        f"WHERE b.first IS DISTINCT FROM a.track_id OR {differs}",
    )


def _absent(table: str, column: str, other: str, key: str, what: str) -> _Rule:
    query = f'SELECT DISTINCT a."{column}" AS who FROM "{table}" a ANTI JOIN "{other}" b ON a."{column}" = b."{key}"'
    return _Rule(table, (other,), what, f'{query} WHERE a."{column}" IS NOT NULL')


def _voxels_of_runs(root: Path, part: Part) -> _Rule:
    runs = delta.relation(root, LABEL_RUNS, [part])
    sample = delta.literal(str(part.sample))
    return _Rule(
        "features",
        (),
        "n_voxels is not the number of voxels in the label runs",
        f"SELECT a.uid AS who FROM features a LEFT JOIN (SELECT label, sum(x_stop - x_start) AS n FROM {runs} GROUP BY label) b "
        f"USING (label) WHERE a.sample = {sample} AND a.t = {part.t} AND a.n_voxels IS DISTINCT FROM b.n",
    )
