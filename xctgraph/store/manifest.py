"""Manifests: `manifest-N.json` lists the parts of revision N."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath

from xctgraph.store import files
from xctgraph.store.errors import StoreCorrupt, StoreError
from xctgraph.store.parts import FOLDER, Part, Slot

FORMAT = 2
_WITH_CHECKSUM = 2
_NAME = re.compile(r"manifest-(\d+)\.json")


@dataclass(frozen=True)
class Manifest:
    """One revision of a store: its parts, by slot."""

    store_id: str
    revision: int
    parts: tuple[Part, ...] = ()
    previous: int | None = None
    job_id: str | None = None
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    format: int = FORMAT

    @cached_property
    def state(self) -> str:
        """What a projection of this revision holds: equal where the parts are equal."""
        listed = "\n".join(f"{part.path} {part.sha256}" for part in self.parts)
        return hashlib.sha256(listed.encode()).hexdigest()[:32]

    def select(self, table: str | None = None, *, sample: str | None = None, t: int | None = None) -> list[Part]:
        """Parts of a table (or all), of one sample and scan where given."""
        return [
            part
            for part in self.parts
            if (table is None or part.table == table) and (sample is None or part.sample == sample) and (t is None or part.t == t)
        ]

    def samples(self) -> list[str]:
        """Names of the samples; the jobs of a dropped one do not count."""
        return sorted({part.sample for part in self.parts if part.sample is not None and part.table != "jobs"})

    def scans(self, sample: str) -> list[int]:
        """Scan indices of a sample that have a row in `scans`."""
        return sorted(part.t for part in self.select("scans", sample=sample) if part.t is not None)

    def rows(self, table: str) -> int:
        """Number of rows of a table."""
        return sum(part.rows for part in self.select(table))

    def following(self, changes: dict[Slot, Part | None], job_id: str | None) -> Manifest:
        """The next revision: `changes` gives the new part of a slot, or None where it is dropped."""
        kept = [part for part in self.parts if part.slot not in changes]
        added = [part for part in changes.values() if part is not None]
        parts = tuple(sorted([*kept, *added], key=lambda part: part.order))
        return replace(
            self,
            revision=self.revision + 1,
            previous=self.revision,
            parts=parts,
            job_id=job_id,
            created_at=datetime.now(UTC).isoformat(),
            format=FORMAT,
        )


def path_of(root: Path, revision: int) -> Path:
    """File of a revision."""
    return root / f"manifest-{revision}.json"


def revisions(root: Path) -> list[int]:
    """Revisions in the folder, ascending; empty where there is no folder."""
    if not root.is_dir():
        return []
    return sorted(numbers(file.name for file in root.iterdir()))


def numbers(names: Iterable[str]) -> list[int]:
    """Revisions whose manifests have these names; other names are passed over."""
    return [int(match[1]) for name in names if (match := _NAME.fullmatch(name))]


def write(root: Path, manifest: Manifest) -> None:
    """Publish a manifest: its revision exists for readers from the moment of the rename.

    Raises
    ------
    StoreError
        If the revision exists already, which another writer without the lock must have made.
    """
    path = path_of(root, manifest.revision)
    if path.exists():
        raise StoreError(f"{path} exists already: another process wrote to the store without holding its lock")
    data = asdict(manifest)
    with files.new_file(path) as temporary:
        temporary.write_text(json.dumps(data | {"checksum": _checksum(data)}, indent=1), encoding="utf-8")


def read(root: Path, revision: int) -> Manifest:
    """Read one revision.

    Raises
    ------
    StoreCorrupt
        If the file is missing or is no manifest.
    StoreError
        If it has a newer format than this version knows.
    """
    path = path_of(root, revision)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        version = int(data["format"])
        if version > FORMAT:
            raise StoreError(f"{path} has format {version}, this version of xctgraph reads up to {FORMAT}: upgrade xctgraph")
        if data.pop("checksum", None) != _checksum(data) and version >= _WITH_CHECKSUM:
            raise ValueError("it differs from its checksum")
        data["parts"] = tuple(_part(part) for part in data["parts"])
        found = Manifest(**data)
        if found.revision != revision:
            raise ValueError(f"it holds revision {found.revision}")
        return found
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreCorrupt(
            f"{path} is missing or no manifest ({error}): `xctgraph doctor --store {root}` says what can be gone back to, "
            "or restore the store from a backup"
        ) from error


def format_of(root: Path, revision: int) -> int | None:
    """Format of a revision; None where it cannot be read."""
    try:
        return int(json.loads(path_of(root, revision).read_text(encoding="utf-8"))["format"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def newest(root: Path) -> Manifest | None:
    """Read the newest revision; None where there is none."""
    numbers = revisions(root)
    return read(root, numbers[-1]) if numbers else None


def changed(old: Iterable[Part], new: Iterable[Part]) -> tuple[list[Part], list[Part]]:
    """Parts that were removed and added between two manifests."""
    before, after = {part.path: part for part in old}, {part.path: part for part in new}
    removed = [part for path, part in before.items() if path not in after]
    added = [part for path, part in after.items() if path not in before]
    return removed, added


def _checksum(data: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _part(data: dict[str, object]) -> Part:
    part = Part(**data)  # type: ignore[arg-type]  # a wrong or missing key is a TypeError, reported as StoreCorrupt
    folders = PurePosixPath(part.path).parts
    if folders[:1] != (FOLDER,) or ".." in folders:
        raise ValueError(f"a part would lie at {part.path!r}, outside {FOLDER}/")
    return part
