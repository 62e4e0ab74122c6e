"""Bringing a store of an older format to the present one: one commit, so that it happens or does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from xctgraph.store import files, lock, manifest, parts
from xctgraph.store.arrow import conform
from xctgraph.store.migrations import MIGRATIONS, Migration
from xctgraph.store.parts import Part

_WAIT_SECONDS = 60.0


def migrate(root: Path, migrations: Sequence[Migration] = MIGRATIONS) -> bool:
    """Bring the store to the present format, as a new revision; whether there was something to do.

    The old revision and its parts stay until they are collected as garbage, so readers of an older version go on. A store whose
    newest manifest cannot be read is left alone: `doctor` names that.

    Raises
    ------
    StoreLocked
        If another process writes for longer than a minute.
    StoreUnwritable
        If there is no permission or no space to write the new revision.
    """
    if not _old(root, migrations):
        return False
    stays = f"it has an older format, and opening it brings it to format {migrations[-1].to}"
    with (
        files.explained(root, stays),
        lock.held(root / lock.WRITE_LOCK, f"bringing {root} to another format", _WAIT_SECONDS),
    ):
        if not _old(root, migrations):  # another process was quicker
            return False
        base = manifest.read(root, manifest.revisions(root)[-1])
        due = [migration for migration in migrations if migration.to > base.format]
        made: list[Part] = []
        try:
            changed = [_changed(root, part, due, base.revision + 1, made) for part in base.parts]
            wanted = replace(
                base,
                revision=base.revision + 1,
                previous=base.revision,
                parts=tuple(changed),
                created_at=datetime.now(UTC).isoformat(),
                format=due[-1].to,
            )
            manifest.write(root, wanted)
        except BaseException:
            if not manifest.path_of(root, base.revision + 1).exists():
                for part in made:
                    files.remove(root / part.path)
            raise
    return True


def _old(root: Path, migrations: Sequence[Migration]) -> bool:
    numbers = manifest.revisions(root)
    held = manifest.format_of(root, numbers[-1]) if numbers else None
    return held is not None and held < migrations[-1].to


def _changed(root: Path, part: Part, due: Sequence[Migration], revision: int, made: list[Part]) -> Part:
    steps = [migration.tables[part.table] for migration in due if part.table in migration.tables]
    if not steps:
        return part
    parts.verify(root, [part])
    rows = pq.ParquetFile(root / part.path).read()
    for step in steps:
        rows = step(rows)
    made.append(parts.write(root, part.slot, conform(part.table, rows), revision))
    return made[-1]
