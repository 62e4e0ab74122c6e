"""A full load of a stopped Neo4j with its import tool, from Parquet files made of the parts.

The mark of the revision comes with the import and says "all rows written, not yet counted": the first connection afterwards makes
constraints and indexes, counts every label and type against the parts, and only then the revision is shown as current.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from xctgraph.store import ddl, delta, lock, manifest, neo4j_load
from xctgraph.store.delta import Item
from xctgraph.store.engine_neo4j import Neo4jEngine
from xctgraph.store.errors import EngineError, InputError
from xctgraph.store.manifest import Manifest
from xctgraph.store.neo4j_server import jars
from xctgraph.store.neo4j_server.jars import ServerUnavailable
from xctgraph.store.neo4j_server.process import running
from xctgraph.store.progress import Progress
from xctgraph.store.schema import TABLES

STAGING = "xctgraph-import"
_UNFINISHED = "xctgraph-import.json"
_MARK_ID = '":ID(mark)"'


@dataclass(frozen=True)
class Home:
    """A folder of Neo4j: an installation where it has bin/neo4j-admin, else only its data, to which Maven's jars are added."""

    path: Path
    database: str = "neo4j"

    @property
    def installed(self) -> bool:
        """Whether Neo4j itself is there."""
        return (self.path / "bin" / "neo4j-admin").is_file()

    @property
    def libraries(self) -> Path:
        """Folder with the jars."""
        return self.path / "lib" if self.installed else jars.fetch()

    @property
    def store_files(self) -> Path:
        """Folder of the database."""
        return self.path / "data" / "databases" / self.database

    @property
    def unfinished(self) -> Path:
        """File that says whose import into the database has begun and not ended."""
        return self.path / _UNFINISHED

    def holds_something(self) -> bool:
        """Whether there is a database."""
        return self.store_files.is_dir() and any(self.store_files.iterdir())

    def begun_by(self) -> str | None:
        """The store whose import was interrupted here."""
        try:
            return str(json.loads(self.unfinished.read_text(encoding="utf-8"))["store"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def refuse_running(self) -> None:
        """Refuse a folder that a server is at work on.

        Raises
        ------
        EngineError
            If a process holds Neo4j's lock.
        """
        held = self.path / "data" / "databases" / "store_lock"
        if not held.exists():
            return
        with held.open("r+b") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise EngineError(
                    f"a Neo4j server runs on {self.path}: stop it (`neo4j stop`, `docker stop …`) for an offline load, "
                    "or load it while it runs with `xctgraph graph load --to bolt://…`"
                ) from error


def run(root: Path, home: Home, *, overwrite: bool, memory: str, progress: Progress) -> Manifest:
    """Load the newest revision into a stopped Neo4j, and mark it complete where a server can be run on its folder.

    Without that (no Java compiler beside an installed Neo4j), the first `graph load --to` marks it complete.

    Raises
    ------
    EngineError
        If a server runs on the folder, its database holds anything but this store's graph and `overwrite` is false, or the
        import fails.
    """
    with lock.held(root / "neo4j.lock", f"loading neo4j of {root}"):
        wanted = manifest.newest(root)
        if wanted is None:
            raise InputError(f"there is no store at {root}")
        home.refuse_running()
        if home.holds_something() and not overwrite:
            _look(root, home, wanted)
        load(root, wanted, home, memory, progress)
        try:
            with running(home.path, libraries=home.libraries) as server, closing(Neo4jEngine(root, server.uri)) as engine:
                engine.update(wanted, progress)
        except ServerUnavailable as error:
            if not home.installed:
                raise
            progress(f"neo4j: imported; `xctgraph graph load --to bolt://…` makes constraints and indexes ({error})", 0, 0)
    return wanted


def _look(root: Path, home: Home, wanted: Manifest) -> None:
    """Refuse a database that holds anything but this store's graph."""
    remedy = "give --overwrite to replace it, if nobody needs it, or another folder"
    try:
        with running(home.path, libraries=home.libraries) as server, closing(Neo4jEngine(root, server.uri)) as engine:
            engine.held()
    except EngineError as error:
        if home.begun_by() == wanted.store_id:
            return
        raise EngineError(
            f"the database in {home.path} is not this store's, or cannot be looked into: {remedy} ({error})"
        ) from error


def load(root: Path, wanted: Manifest, home: Home, memory: str, progress: Progress) -> None:
    """Replace the database of a stopped server by the graph of the revision `wanted`.

    Parameters
    ----------
    memory
        What the import tool may use besides its heap of 1 GB, e.g. "4g".

    Raises
    ------
    EngineError
        If a server runs there, or the import tool refuses; edges that name nodes which do not exist are named.
    InputError
        If HOME cannot be made.
    """
    home.refuse_running()
    try:
        (home.path / "conf").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{home.path} cannot be a folder of Neo4j: {error}") from error
    staging = home.path / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        with delta.connection(staging) as database:
            _Writer(database, root, wanted, staging).write(progress)
            home.unfinished.write_text(json.dumps({"store": wanted.store_id}), encoding="utf-8")
            _import(home, staging, memory, database, wanted, progress)
        home.unfinished.unlink()
    finally:
        shutil.rmtree(staging, ignore_errors=True)


class _Writer:
    """Parquet files with the headers of the import tool; nodes with a key of text are joined by their number."""

    def __init__(self, database: duckdb.DuckDBPyConnection, root: Path, wanted: Manifest, folder: Path) -> None:
        self._database, self._folder = database, folder
        for name in sorted({item.table for item in delta.items()}):
            rows = delta.relation(root, TABLES[name], wanted.select(name))
            database.execute(f'CREATE VIEW "{name}" AS SELECT * FROM {rows}')
        for table in ddl.node_tables():
            if table.column(table.key[0]).type == "string":
                key = f'"{table.key[0]}"'
                numbered = f'SELECT {key} AS key, row_number() OVER (ORDER BY {key}) AS number FROM "{table.name}"'
                database.execute(f'CREATE TABLE "number_{table.node}" AS {numbered}')
        mark = neo4j_load.values(wanted, None, neo4j_load.WRITTEN, complete=False)
        listed = ", ".join(f"{_literal(value)} AS {name}" for name, value in mark.items())
        database.execute(f"CREATE VIEW mark AS SELECT 0::BIGINT AS {_MARK_ID}, {listed}")

    def write(self, progress: Progress) -> None:
        """Write one file per label and type."""
        start, items = time.monotonic(), delta.items()
        n_rows = 0
        for done, item in enumerate(items):
            speed = f", {n_rows / (time.monotonic() - start):,.0f} rows/s" if n_rows else ""
            progress(f"neo4j: writing {item.name}{speed}", done, len(items))
            n_rows += self._copy(self._nodes(item) if item.ends is None else self._edges(item), item.name)
        self._copy("SELECT * FROM mark", ddl.META)

    def _copy(self, query: str, name: str) -> int:
        path = delta.literal(str(self._folder / f"{name}.parquet"))
        row = self._database.execute(f"COPY ({query}) TO {path} (FORMAT parquet, COMPRESSION snappy)").fetchone()
        return int(row[0]) if row else 0

    def _nodes(self, item: Item) -> str:
        key, types = item.keys[0], delta.column_types(item)
        rest = [f'{_wide(name, types[name])} AS "{name}"' for name in item.columns if name != key]
        if types[key] == "string":
            chosen = ", ".join((f'number AS ":ID({item.name})"', f'"{key}"', *rest))
            return f'SELECT {chosen} FROM "{item.table}" JOIN "number_{item.name}" ON "{key}" = key'
        return f'SELECT {", ".join((f"""{_wide(key, types[key])} AS "{key}:ID({item.name})" """, *rest))} FROM "{item.table}"'

    def _edges(self, item: Item) -> str:
        types = delta.column_types(item)
        a, b = item.ends or ("", "")
        joins, chosen = "", []
        for alias, end, header, expression in (
            ("a", a, "START_ID", item.expressions[0]),
            ("b", b, "END_ID", item.expressions[1]),
        ):
            if self._numbered(end):
                joins += f' LEFT JOIN "number_{end}" {alias} ON {expression} = {alias}.key'
                chosen.append(f'{alias}.number AS ":{header}({end})"')
            else:
                chosen.append(f'{expression} AS ":{header}({end})"')
        chosen += [f'{_wide(name, types[name])} AS "{name}"' for name in item.properties]
        return f'SELECT {", ".join(chosen)} FROM "{item.table}"{joins} WHERE {item.where}'

    @staticmethod
    def _numbered(label: str) -> bool:
        return next(t.column(t.key[0]).type == "string" for t in ddl.node_tables() if t.node == label)


def _import(
    home: Home,
    staging: Path,
    memory: str,
    database: duckdb.DuckDBPyConnection,
    wanted: Manifest,
    progress: Progress,
) -> None:
    tool = [str(home.path / "bin" / "neo4j-admin")]
    if not home.installed:
        tool = ["java", "-Xmx1g", "-cp", f"{home.libraries}/*", "org.neo4j.cli.AdminTool"]
    # Names of files are regular expressions to the tool, so that it runs where they are.
    nodes = [f"--nodes={name}={name}.parquet" for name in (ddl.META, *(i.name for i in delta.items() if i.ends is None))]
    edges = [f"--relationships={i.name}={i.name}.parquet" for i in delta.items() if i.ends is not None]
    options = [
        "--input-type=parquet", "--id-type=integer", "--overwrite-destination=true", "--bad-tolerance=0", "--strict=true",
        f"--max-off-heap-memory={memory}", "--report-file=report",
    ]  # fmt: skip
    command = [*tool, "database", "import", "full", home.database, *options, *nodes, *edges]
    settings = {"NEO4J_HOME": str(home.path), "NEO4J_CONF": str(home.path / "conf"), "HEAP_SIZE": "1g"}
    log = staging / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # Neo4j's own tool
            command, cwd=staging, env=os.environ | settings, stdout=output, stderr=subprocess.STDOUT
        )
        total = wanted_rows(wanted)
        start = time.monotonic()
        try:
            while process.poll() is None:
                progress(f"neo4j: importing {total:,} rows of the parts, {time.monotonic() - start:.0f} s", 0, 0)
                time.sleep(1.0)
        except BaseException:
            process.kill()
            process.wait()
            raise
    if process.returncode:
        for item in delta.items():
            _refuse_dangling(database, item)
        end = log.read_text(encoding="utf-8", errors="replace").strip()[-1500:]
        raise EngineError(f"Neo4j's import tool ended with {process.returncode}; the parts are as they were: {end}")


def wanted_rows(wanted: Manifest) -> int:
    """Rows of the parts from which the graph is made."""
    return sum(wanted.rows(name) for name in {item.table for item in delta.items()})


def _refuse_dangling(database: duckdb.DuckDBPyConnection, item: Item) -> None:
    for expression, label in zip(item.expressions, item.ends or (), strict=False):
        table = next(t for t in ddl.node_tables() if t.node == label)
        there = f'SELECT "{table.key[0]}" FROM "{table.name}"'
        query = f'SELECT {expression} FROM "{item.table}" WHERE {item.where} AND {expression} NOT IN ({there}) LIMIT 1'
        missing = database.execute(query).fetchone()
        if missing is not None:
            raise delta.dangling(item, missing[0])


def _wide(name: str, type_: str) -> str:
    return f'"{name}"::BIGINT' if type_ == "int32" else f'"{name}"'


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value}::BIGINT" if isinstance(value, int) else delta.literal(str(value))
