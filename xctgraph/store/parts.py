"""Parts: immutable Parquet files, one per table, sample, scan and revision."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xctgraph.store import files
from xctgraph.store.arrow import schema
from xctgraph.store.errors import InputError, StoreCorrupt, nearest
from xctgraph.store.ids import MAX_T
from xctgraph.store.schema import TABLES
from xctgraph.store.schema_records import LABEL_RUNS, MATERIAL_RUNS

FOLDER = "parts"
ROW_GROUP = 131_072
MAX_SAMPLE_NAME = 64
_NO_SAMPLE = "-"

_OPTIONAL_SCAN = {"jobs"}
_OPTIONAL_SAMPLE = {"jobs", "studies"}

Slot = tuple[str, str | None, int | None]
"""Table, sample and scan: what a part holds; a newer part of the same slot replaces it."""


@dataclass(frozen=True)
class Part:
    """One part as the manifest lists it; `path` is relative to the store's folder."""

    table: str
    sample: str | None
    t: int | None
    path: str
    rows: int
    bytes: int
    sha256: str

    @property
    def slot(self) -> Slot:
        """Table, sample and scan."""
        return self.table, self.sample, self.t

    @property
    def order(self) -> tuple[str, str, int]:
        """Sort key of parts: table, sample, scan."""
        return self.table, self.sample or "", -1 if self.t is None else self.t


def check_slot(table: str, sample: str | None, t: int | None) -> None:
    """Refuse a slot that the schema does not know.

    Raises
    ------
    InputError
        If the sample's name cannot be part of an id and a path, `t` is out of range, or the table is (not) one per scan.
    """
    if sample is None:
        if table not in _OPTIONAL_SAMPLE:
            raise InputError(f"a part of table {table!r} needs a sample")
    elif not _is_name(sample):
        raise InputError(
            f"sample name {sample!r} is not valid: 1 to {MAX_SAMPLE_NAME} printable characters without '/', the first not '.'"
        )
    if t is None:
        if per_scan(table) and table not in _OPTIONAL_SCAN:
            raise InputError(f"a part of table {table!r} needs a scan index t: it holds the rows of one scan")
    elif not per_scan(table):
        raise InputError(f"a part of table {table!r} holds a whole sample: t = {t} must be left out")
    elif not 0 <= t <= MAX_T:
        raise InputError(f"scan index t = {t} is out of range: valid are 0 to {MAX_T}")


def per_scan(table: str) -> bool:
    """Whether the table has one part per scan (else one per sample)."""
    return table in (LABEL_RUNS.name, MATERIAL_RUNS.name) or "t" in TABLES[table].names


def write(root: Path, slot: Slot, data: pa.Table, revision: int) -> Part:
    """Write one part under the store's folder `root`; it is on the disk when this returns.

    Raises
    ------
    InputError
        If rows belong to another sample or scan than the slot says.
    """
    table, sample, t = slot
    _check_rows(data, table, "sample", sample)
    _check_rows(data, table, "t", t)
    scan = "all" if t is None else f"t{t:05d}"
    name = f"{scan}-r{revision:06d}-{secrets.token_hex(4)}.parquet"
    path = root / FOLDER / table / (_NO_SAMPLE if sample is None else quote(sample, safe="")) / name
    with files.new_file(path) as temporary:
        pq.write_table(data, temporary, compression="zstd", row_group_size=ROW_GROUP)
        size, checksum = temporary.stat().st_size, files.sha256(temporary)
    return Part(table, sample, t, path.relative_to(root).as_posix(), data.num_rows, size, checksum)


def sample_of(folder: str) -> str | None:
    """The sample whose parts lie in a folder of this name; None where they belong to none."""
    return None if folder == _NO_SAMPLE else unquote(folder)


def read(root: Path, table: str, parts: Iterable[Part], columns: Sequence[str] | None = None) -> pa.Table:
    """Rows of the parts in the order of sample and scan, with the schema of `table` even where there are none.

    Raises
    ------
    InputError
        If a column is unknown.
    StoreCorrupt
        If a part is missing or cannot be read.
    StoreUnwritable
        If there is no permission to read one.
    """
    wanted = schema(table)
    if columns is not None:
        for column in columns:
            if column not in wanted.names:
                raise InputError(f"table {table!r} has no column {column!r}; {nearest(column, wanted.names)}")
        wanted = pa.schema([wanted.field(column) for column in columns], metadata=wanted.metadata)
    pieces = [_read_one(root, part, wanted) for part in sorted(parts, key=lambda part: part.order)]
    return pa.concat_tables([wanted.empty_table(), *pieces])


def paths(root: Path, parts: Iterable[Part]) -> list[str]:
    """Files of the parts that have rows, in the order of table, sample and scan.

    Raises
    ------
    StoreCorrupt
        If one is missing or has another size than the manifest says.
    """
    result = []
    for part in sorted(parts, key=lambda part: part.order):
        path = root / part.path
        if not path.is_file() or path.stat().st_size != part.bytes:
            raise _corrupt(part, path, "is missing" if not path.is_file() else "has another size than was written")
        if part.rows:
            result.append(str(path))
    return result


def verify(root: Path, parts: Iterable[Part]) -> None:
    """Compare every file with its checksum.

    Raises
    ------
    StoreCorrupt
        If one is missing or differs.
    """
    for part in parts:
        paths(root, [part])
        if files.sha256(root / part.path) != part.sha256:
            raise _corrupt(part, root / part.path, "differs from its checksum")


def _read_one(root: Path, part: Part, wanted: pa.Schema) -> pa.Table:
    path = root / part.path
    try:
        with pq.ParquetFile(path) as file:
            present = [name for name in wanted.names if name in file.schema_arrow.names]
            data = file.read(columns=present)
    except FileNotFoundError as error:
        raise _corrupt(part, path, "is missing") from error
    except PermissionError as error:
        raise files.forbidden("read", root, str(error)) from error
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _corrupt(part, path, f"cannot be read ({error})") from error
    # A part written before the schema gained a nullable column has nulls there.
    return pa.table([data[f.name] if f.name in present else pa.nulls(data.num_rows, f.type) for f in wanted], schema=wanted)


def _corrupt(part: Part, path: Path, what: str) -> StoreCorrupt:
    holds = " ".join(str(value) for value in (part.table, part.sample, part.t) if value is not None)
    return StoreCorrupt(f"{path}, the part that holds {holds}, {what}: restore the store from a backup, or ingest it anew")


def _check_rows(data: pa.Table, table: str, column: str, expected: object) -> None:
    if column not in data.column_names or data.num_rows == 0:
        return
    values = pc.unique(data[column]).to_pylist()
    if values != [expected]:
        other = next(value for value in values if value != expected)
        raise InputError(f"rows of table {table!r} have {column} = {other!r}, but are put under {column} = {expected!r}")


def _is_name(sample: str) -> bool:
    return 0 < len(sample) <= MAX_SAMPLE_NAME and sample.isprintable() and "/" not in sample and not sample.startswith(".")
