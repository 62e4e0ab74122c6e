"""Revisions whose manifest was lost: made again from what their last part records, or at least kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from xctgraph.store import files, parts
from xctgraph.store.errors import StoreCorrupt
from xctgraph.store.manifest import Manifest
from xctgraph.store.parts import Part, Slot
from xctgraph.store.projection import Held

_KEY = b"xctgraph.commit"
_NAME = re.compile(r"[^/]+-r(\d+)-[0-9a-f]+\.parquet")


def record(rows: pa.Table, base: Manifest, changes: dict[Slot, Part | None]) -> pa.Table:
    """The last part of a commit, which tells in its metadata what the commit changes."""
    told = {
        "base": base.state,
        "revision": base.revision + 1,
        "dropped": [slot for slot, part in changes.items() if part is None],
        "parts": [list(vars(part).values()) for part in changes.values() if part is not None],
    }
    return rows.replace_schema_metadata({**(rows.schema.metadata or {}), _KEY: json.dumps(told).encode()})


def rebuilt(root: Path, newest: Manifest) -> list[Manifest]:
    """Revisions after `newest` that have no manifest but all their parts: exactly as they were committed."""
    found: list[Manifest] = []
    while True:
        last = found[-1] if found else newest
        candidates = [path for path in later(root, last) if _revision(path) == last.revision + 1 and path.parts[-3] == "jobs"]
        following = next((held for path in candidates if (held := _following(root, path, last)) is not None), None)
        if following is None:
            return found
        found.append(following)


def later(root: Path, newest: Manifest) -> Iterator[Path]:
    """Parts that were written for revisions after `newest`."""
    listed = {root / part.path for part in newest.parts}
    for path in sorted((root / parts.FOLDER).glob("*/*/*.parquet")):
        if _revision(path) > newest.revision and path not in listed:
            yield path


def kept(root: Path, newest: Manifest, shown: Iterable[Held | None]) -> set[str]:
    """Parts of published revisions after `newest`: all, where a projection shows such a revision or a job ended one."""
    paths = list(later(root, newest))
    seen = any(held is not None and held.store_id == newest.store_id and held.revision > newest.revision for held in shown)
    if not seen and not any(path.parts[-3] == "jobs" for path in paths):
        return set()
    return {path.relative_to(root).as_posix() for path in paths}


def _revision(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return -1 if match is None else int(match[1])


def _following(root: Path, path: Path, base: Manifest) -> Manifest | None:
    try:
        with pq.ParquetFile(path) as file:
            told = json.loads((file.schema_arrow.metadata or {})[_KEY])
            rows = file.read(columns=["job_id", "sample", "t"]).to_pylist()
        if told["base"] != base.state or told["revision"] != base.revision + 1:
            return None
        size, checksum = path.stat().st_size, files.sha256(path)
        last = Part("jobs", rows[-1]["sample"], rows[-1]["t"], path.relative_to(root).as_posix(), len(rows), size, checksum)
        changes: dict[Slot, Part | None] = {(slot[0], slot[1], slot[2]): None for slot in told["dropped"]}
        changes |= {part.slot: part for part in (*(Part(*values) for values in told["parts"]), last)}
        parts.verify(root, (part for part in changes.values() if part is not None))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError, StoreCorrupt):
        return None
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()
    return replace(base.following(changes, rows[-1]["job_id"]), created_at=made)
