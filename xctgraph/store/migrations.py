"""Formats of a store, and what leads from each to the next.

A store's format is the one of its newest manifest. A column that may be null needs no new format: older parts have nulls there.
Any other change of the schema, or of the manifest, is a new format: raise `manifest.FORMAT` and append a `Migration`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True)
class Migration:
    """What leads from format `to` - 1 to `to`: for each table that changes, the new rows of a part from the old."""

    to: int
    why: str
    tables: Mapping[str, Callable[[pa.Table], pa.Table]] = field(default_factory=dict)


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "the first format; 0 was never published"),
    Migration(2, "manifests carry a checksum of themselves"),
)
