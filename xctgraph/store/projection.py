"""What a projection holds, and what has to change in it to show another revision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xctgraph.store import manifest
from xctgraph.store.errors import StoreError
from xctgraph.store.manifest import Manifest
from xctgraph.store.parts import Part


@dataclass(frozen=True)
class Held:
    """What a projection says about itself; `complete` is false while it is loaded, or after a load that did not end."""

    store_id: str
    revision: int
    state: str
    format: str
    complete: bool = True

    def shows(self, wanted: Manifest, format_: str) -> bool:
        """Whether the projection shows exactly the revision `wanted`, in the present format."""
        return self.complete and self.format == format_ and (self.store_id, self.state) == (wanted.store_id, wanted.state)


@dataclass(frozen=True)
class Status:
    """How far a projection is, for `graph status`; `revision` is None where there is none."""

    projection: str
    revision: int | None
    store_revision: int
    current: bool


@dataclass(frozen=True)
class Plan:
    """Parts to take out and to bring in; `rebuild` where the projection has to be made anew from `added`."""

    rebuild: bool
    removed: tuple[Part, ...]
    added: tuple[Part, ...]


def anew(root: Path) -> str:
    """The remedy where the file of a projection is damaged."""
    return f"`xctgraph doctor --repair --store {root}` finds out whether its file is damaged, and loads it anew from the parts"


def rebuild(wanted: Manifest) -> Plan:
    """The plan that makes a projection anew."""
    return Plan(True, (), wanted.parts)


def plan(root: Path, held: Held | None, wanted: Manifest, format_: str) -> Plan:
    """What brings a projection that holds `held` to the revision `wanted`.

    It is made anew where it is lost, incomplete, of another store or format, or where the manifest or parts of the revision
    that it holds are no longer there.
    """
    if held is None or not held.complete or held.format != format_ or held.store_id != wanted.store_id:
        return rebuild(wanted)
    try:
        old = manifest.read(root, held.revision)
    except StoreError:
        return rebuild(wanted)
    if old.state != held.state:
        return rebuild(wanted)
    removed, added = manifest.changed(old.parts, wanted.parts)
    if not all((root / part.path).is_file() for part in removed):
        return rebuild(wanted)
    return Plan(False, tuple(removed), tuple(added))
