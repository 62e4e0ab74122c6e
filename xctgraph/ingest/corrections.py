"""Corrections by a person: kept beside what was found, and applied whenever a scan is placed in its series."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xctgraph.ingest.rows import Origin, with_column
from xctgraph.store import Store, Transaction, ids
from xctgraph.store.arrow import conform

Action = Literal["link", "unlink", "kind", "drop"]
Ints = NDArray[np.int64]

MOST_RADII = 2.0
MOST_RATIO = 4.0


@dataclass(frozen=True)
class Place:
    """Where a feature is: scan, centroid (z, y, x) in um, volume in um^3, and what it is called now."""

    t: int
    position: tuple[float, float, float]
    volume: float
    uid: str


@dataclass(frozen=True)
class Correction:
    """One row of `corrections`; `job_id` is the job that made it."""

    action: Action
    feature: Place
    other: Place | None
    kind: str | None
    found_kind: str
    author: str
    reason: str
    made_at: str
    applied: bool
    job_id: str

    def __str__(self) -> str:
        what = " ".join(part for part in (self.feature.uid, self.other.uid if self.other else None, self.kind) if part)
        return f"{self.action} {what} by {self.author} ({self.reason}; job {self.job_id[:8]})"

    @property
    def times(self) -> tuple[int, ...]:
        """Scans it concerns."""
        return (self.feature.t,) if self.other is None else (self.feature.t, self.other.t)


def read(tx: Transaction | Store, sample: str) -> list[Correction]:
    """Corrections of a sample, in the order in which they were made."""
    found = []
    for row in tx.read("corrections", sample=sample).to_pylist():
        other = None
        if row["other_uid"] is not None:
            position = (row["other_z"], row["other_y"], row["other_x"])
            other = Place(row["other_t"], position, row["other_volume"], row["other_uid"])
        feature = Place(row["at_t"], (row["z"], row["y"], row["x"]), row["volume"], row["uid"])
        rest = {name: row[name] for name in ("action", "kind", "found_kind", "author", "reason", "made_at", "applied", "job_id")}
        found.append(Correction(feature=feature, other=other, **rest))
    return sorted(found, key=lambda one: one.made_at)


def write(tx: Transaction, sample: str, said: list[Correction]) -> None:
    """Stage the corrections of a sample, where they differ from what is there."""
    if said == read(tx, sample):
        return
    if said:
        tx.put("corrections", _table(said, sample), sample=sample)
    else:
        tx.drop("corrections", sample=sample)


def apply(said: list[Correction], found: pa.Table, origin: Origin) -> tuple[pa.Table, pa.Table, list[Correction]]:
    """Apply kinds and drops to the features of a scan as they were found.

    Returns
    -------
    kept, dropped : pyarrow.Table
        Features with their new kinds, and the dropped ones as found.
    said : list of Correction
        With what became of those that concern the features of this scan.
    """
    kinds = np.asarray(found["kind"].to_numpy(zero_copy_only=False), dtype=object).copy()
    as_found = kinds.copy()
    gone = np.zeros(len(kinds), np.bool_)
    result = []
    for one in said:
        if one.feature.t != origin.t or one.action not in ("kind", "drop"):
            result.append(one)
            continue
        row = match(found, one.feature)
        if row is None:
            result.append(replace(one, applied=False))
            continue
        if one.action == "kind":
            kinds[row] = one.kind
        else:
            gone[row] = True
        result.append(replace(one, feature=_at(one.feature, found, row), found_kind=str(as_found[row]), applied=True))
    kept = with_column(found, "kind", pa.array(kinds, pa.string())) if (kinds != as_found).any() else found
    return kept.filter(pa.array(~gone)), found.filter(pa.array(gone)), result


def of_pair(said: list[Correction], a: tuple[int, pa.Table], b: tuple[int, pa.Table]) -> tuple[Ints, Ints, list[Correction]]:
    """Links that a person adds between two scans and takes away, given scan and features of each.

    Returns
    -------
    added, removed : (k, 2) int64
        Labels of the earlier and the later feature.
    said : list of Correction
        With what became of those between these scans.
    """
    pairs: dict[str, list[tuple[int, int]]] = {"link": [], "unlink": []}
    result = []
    for one in said:
        if one.other is None or one.times != (a[0], b[0]):
            result.append(one)
            continue
        row, other = match(a[1], one.feature), match(b[1], one.other)
        if row is None or other is None:
            result.append(replace(one, applied=False))
            continue
        pairs[one.action].append((a[1]["label"][row].as_py(), b[1]["label"][other].as_py()))
        result.append(replace(one, feature=_at(one.feature, a[1], row), other=_at(one.other, b[1], other), applied=True))
    added, removed = (np.array(pairs[name], np.int64).reshape(-1, 2) for name in ("link", "unlink"))
    return added, removed, result


def without_neighbours(said: list[Correction], pairs: set[tuple[int, int]]) -> list[Correction]:
    """Corrections of links, not applied where their scans are no longer one after the other."""
    return [replace(one, applied=False) if one.other is not None and one.times not in pairs else one for one in said]


def lost(before: list[Correction], after: list[Correction], t: int) -> tuple[str, ...]:
    """What to tell of corrections that find no feature: those of scan t, and those that did before."""
    held = {one.job_id for one in before if one.applied}
    return tuple(
        f"the correction {one} no longer finds its features in scans that follow one another: it is kept, but not applied; "
        f"make it anew, or take it back with `xctgraph correct undo {one.job_id[:8]}`"
        for one in after
        if not one.applied and (one.job_id in held or t in one.times)
    )


def match(features: pa.Table, place: Place) -> int | None:
    """Row of the feature that was meant: the nearest in position and volume.

    Its centroid lies within two equivalent radii of the one meant, its volume within a factor of four.
    """
    if not features.num_rows:
        return None
    centre = np.stack([features[axis].to_numpy() for axis in "zyx"], axis=1)
    radius = float(np.cbrt(3 * place.volume / (4 * np.pi)))
    off = np.linalg.norm(centre - np.asarray(place.position), axis=1) / radius
    ratio = np.abs(np.log(features["volume"].to_numpy() / place.volume))
    cost = np.where((off <= MOST_RADII) & (ratio <= np.log(MOST_RATIO)), off + ratio, np.inf)
    best = int(np.argmin(cost))
    return best if np.isfinite(cost[best]) else None


def place_of(features: pa.Table, row: int) -> Place:
    """Where the feature of a row is."""
    values = features.slice(row, 1).to_pylist()[0]
    _, t, _ = ids.parse_uid(values["uid"])
    return Place(t, (values["z"], values["y"], values["x"]), values["volume"], values["uid"])


def _at(meant: Place, features: pa.Table, row: int) -> Place:
    """The place as the person meant it, with the name the feature has now: a place must not wander from scan to scan."""
    return replace(meant, uid=features["uid"][row].as_py())


def _table(said: list[Correction], sample: str) -> pa.Table:
    columns = []
    for one in said:
        row = {name: value for name, value in asdict(one).items() if name not in ("feature", "other")}
        z, y, x = one.feature.position
        row |= {"uid": one.feature.uid, "at_t": one.feature.t, "z": z, "y": y, "x": x, "volume": one.feature.volume}
        if one.other is not None:
            z, y, x = one.other.position
            row |= {"other_uid": one.other.uid, "other_t": one.other.t, "other_volume": one.other.volume}
            row |= {"other_z": z, "other_y": y, "other_x": x}
        columns.append(row)
    names = dict.fromkeys(name for row in columns for name in row)
    return conform("corrections", {name: [row.get(name) for row in columns] for name in names}, {"sample": sample})
