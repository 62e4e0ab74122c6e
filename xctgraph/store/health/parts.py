"""Parts against the manifest: files, sizes, checksums, numbers of rows, schemas, and that rows belong where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xctgraph.store import files
from xctgraph.store.arrow import schema
from xctgraph.store.health.fault import FROM_BACKUP, Fault
from xctgraph.store.parts import Part
from xctgraph.store.schema import TABLES


def check(root: Path, parts: Iterable[Part]) -> Iterator[tuple[Part, Fault]]:
    """The first fault of each part that has one."""
    for part in parts:
        what = _damage(root / part.path, part) or _content(root / part.path, part)
        if what:
            yield part, Fault("part", f"{part.path} ({_holds(part)})", what, _remedy(part))


def _damage(path: Path, part: Part) -> str:
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != part.bytes:
        return f"has {size} bytes where the manifest says {part.bytes}"
    return "" if files.sha256(path) == part.sha256 else "differs from its checksum"


def _content(path: Path, part: Part) -> str:
    if part.table not in TABLES:
        return f"belongs to a table {part.table!r} that this version does not know"
    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows != part.rows:
                return f"has {file.metadata.num_rows} rows where the manifest says {part.rows}"
            return _schema(file.schema_arrow, part.table) or _values(file, part)
    except (pa.ArrowException, OSError, ValueError) as error:
        return f"cannot be read ({error})"


def _schema(found: pa.Schema, table: str) -> str:
    wanted = schema(table)
    for field in wanted:
        if field.name not in found.names:
            if not field.nullable:
                return f"lacks the column {field.name!r}"
        elif found.field(field.name).type != field.type:
            return f"has {field.name!r} as {found.field(field.name).type} where the schema says {field.type}"
    unknown = [name for name in found.names if name not in wanted.names]
    return f"has the column {unknown[0]!r}, which the schema does not know" if unknown else ""


def _values(file: pq.ParquetFile, part: Part) -> str:
    names = [column.name for column in TABLES[part.table].columns if not column.nullable]
    for batch in file.iter_batches(columns=names):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if column.null_count:
                return f"has nulls in {name!r}, which must have a value"
    for name, wanted in (("sample", part.sample), ("t", part.t)):
        if name in file.schema_arrow.names and part.rows and wanted is not None:
            values = pc.unique(file.read(columns=[name])[name]).to_pylist()
            if values != [wanted]:
                other = next(value for value in values if value != wanted)
                return f"has rows with {name} = {other!r}, but is listed under {name} = {wanted!r}"
    return ""


def _holds(part: Part) -> str:
    scan = "" if part.t is None else f", t = {part.t}"
    return f"{part.table}{'' if part.sample is None else f' of sample {part.sample}'}{scan}"


def _remedy(part: Part) -> str:
    if part.t is None or part.table in ("scans", "jobs"):
        return FROM_BACKUP
    return f"{FROM_BACKUP}, or `xctgraph drop scan {part.sample} {part.t}` and ingest it anew"
