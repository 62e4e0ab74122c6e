"""A person's correction of what was found: a link, a kind, a false feature; kept on re-ingest, and taken back by `undo`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from xctgraph.ingest import commit, corrections, history, rows
from xctgraph.ingest.corrections import Action, Correction, Place
from xctgraph.ingest.space import Space
from xctgraph.ingest.volumes import region
from xctgraph.store import Store, Transaction, ids
from xctgraph.store.errors import InputError, nearest
from xctgraph.store.job import Job
from xctgraph.store.labels import Labels
from xctgraph.store.schema import KINDS


@dataclass(frozen=True)
class Corrected:
    """What a correction changed: its job, the features of later scans that came to another track, and doubts."""

    job_id: str
    changed_tracks: int
    warnings: tuple[str, ...]


def link(store: Store, a: str, b: str, *, author: str, reason: str) -> Corrected:
    """Say that feature `b` is what feature `a` of the scan before became; links that are there stay.

    Parameters
    ----------
    a, b
        Features as sample/t/label, in either order.
    author, reason
        Who says so, and why.

    Raises
    ------
    InputError
        If there is no such feature, their scans do not follow one another, or the link is there.
    """
    return _pair(store, "link", a, b, author, reason)


def unlink(store: Store, a: str, b: str, *, author: str, reason: str) -> Corrected:
    """Say that feature `b` is not what feature `a` of the scan before became.

    Raises
    ------
    InputError
        If there is no such feature or link, or a correction made the link.
    """
    return _pair(store, "unlink", a, b, author, reason)


def kind(store: Store, feature: str, kind: str, *, author: str, reason: str) -> Corrected:
    """Say of which kind a feature is.

    Raises
    ------
    InputError
        If there is no such feature, it is of this kind, or no feature in the store is and it is none of ours.
    """
    with _writing(store, "kind", feature, author, reason, kind=kind) as (tx, job_id):
        found, row = _find(tx, feature)
        known = {*KINDS, *pc.unique(tx.read("features", columns=["kind"])["kind"]).to_pylist()}
        if kind not in known:
            raise InputError(f"there is no kind {kind!r}: {nearest(kind, known)}")
        before = found["kind"][row].as_py()
        if before == kind:
            raise InputError(f"feature {feature} is of the kind {kind!r} already")
        place = corrections.place_of(found, row)
        new = Correction("kind", place, None, kind, before, author, reason, _now(tx), True, job_id)
        done = _redo_scan(tx, _origin(tx, place), corrections.read(tx, _sample(place)), [new], set())
    store.project()
    return done


def drop(store: Store, feature: str, *, author: str, reason: str) -> Corrected:
    """Say that a feature is none: it leaves the graph, its scan's neighbourhood and the series; its label stays empty.

    Raises
    ------
    InputError
        If there is no such feature.
    """
    with _writing(store, "drop", feature, author, reason) as (tx, job_id):
        found, row = _find(tx, feature)
        place = corrections.place_of(found, row)
        as_found = found["kind"][row].as_py()
        new = Correction("drop", place, None, None, as_found, author, reason, _now(tx), True, job_id)
        done = _redo_scan(tx, _origin(tx, place), corrections.read(tx, _sample(place)), [new], set())
    store.project()
    return done


def undo(store: Store, job: str, *, author: str, reason: str) -> Corrected:
    """Take a correction back.

    Parameters
    ----------
    job
        Its job, or the first characters of it; `last` for the newest.

    Raises
    ------
    InputError
        If no correction that holds was made by that job.
    """
    sample, one = _meant(store, job)
    parameters = {"undone": one.job_id, "correction": str(one), "author": author, "reason": reason}
    with store.write(Job("correct undo", sample=sample, t=one.feature.t, parameters=parameters)) as tx:
        said = corrections.read(tx, sample)
        if one not in said:
            raise InputError(f"the correction {one} has been taken back or changed in the meantime")
        origin = _origin(tx, one.feature)
        if one.other is None:
            done = _redo_scan(tx, origin, said, [], {one.job_id})
        else:
            rest = [other for other in said if other.job_id != one.job_id]
            done = _redo_links(tx, origin, rest, one.feature.t, one.other.t)
        done = replace(done, job_id=str(tx.job_id))
    store.project()
    return done


def _pair(store: Store, action: Action, a: str, b: str, author: str, reason: str) -> Corrected:
    with _writing(store, action, a, author, reason, other=b) as (tx, job_id):
        ends = sorted((corrections.place_of(*_find(tx, uid)) for uid in (a, b)), key=lambda place: place.t)
        _check_neighbours(tx, ends[0], ends[1])
        origin = _origin(tx, ends[0])
        said = corrections.read(tx, origin.sample)
        _check_link(tx, action, ends[0], ends[1], said, origin)
        found, row = _find(tx, ends[0].uid)
        as_found = found["kind"][row].as_py()
        new = Correction(action, ends[0], ends[1], None, as_found, author, reason, _now(tx), True, job_id)
        done = _redo_links(tx, origin, [*said, new], ends[0].t, ends[1].t)
    store.project()
    return done


def _check_neighbours(tx: Transaction, a: Place, b: Place) -> None:
    sample, other = _sample(a), _sample(b)
    if sample != other:
        raise InputError(f"{a.uid} and {b.uid} are of two samples: a link joins scans of one")
    times = sorted(tx.read("scans", sample=sample, columns=["t"])["t"].to_pylist())
    here = times.index(a.t)
    following = times[here + 1] if here + 1 < len(times) else None
    if b.t != following:
        after = "it is the last scan" if following is None else f"the one after it is t = {following}"
        raise InputError(
            f"{a.uid} and {b.uid} cannot be linked: their scans t = {a.t} and t = {b.t} do not follow one another ({after})"
        )


def _check_link(tx: Transaction, action: Action, a: Place, b: Place, said: list[Correction], origin: rows.Origin) -> None:
    links = tx.read("next", sample=origin.sample, t=a.t, columns=["source", "target"])
    source, target = (ids.feature_id(origin.sample_no, place.t, ids.parse_uid(place.uid)[2]) for place in (a, b))
    there = bool(pc.any(pc.and_(pc.equal(links["source"], source), pc.equal(links["target"], target))).as_py())
    by_hand = next(
        (one for one in said if one.other is not None and one.applied and (one.feature.uid, one.other.uid) == (a.uid, b.uid)),
        None,
    )
    if there == (action == "unlink"):
        if by_hand is not None:
            raise InputError(f"the correction {by_hand} says so: take it back with `xctgraph correct undo {by_hand.job_id[:8]}`")
        return
    if there:
        raise InputError(f"{a.uid} and {b.uid} are linked already")
    held = links.filter(pc.equal(links["source"], source))["target"].to_pylist()
    shown = ", ".join(ids.uid(origin.sample, b.t, ids.unpack(one)[2]) for one in held) or "nothing"
    raise InputError(f"there is no link from {a.uid} to {b.uid}: {a.uid} is linked to {shown}")


def _redo_scan(
    tx: Transaction, origin: rows.Origin, said: list[Correction], added: list[Correction], removed: set[str]
) -> Corrected:
    """Place a scan anew, from what was found, with corrections added and removed."""
    scan_row = tx.read("scans", sample=origin.sample, t=origin.t)
    found = _as_found(tx, origin, said)
    by_label = dict(zip(found["uid"].to_pylist(), found["kind"].to_pylist(), strict=True))
    added = [replace(one, found_kind=by_label[one.feature.uid]) for one in added]
    corrections.write(tx, origin.sample, [one for one in said if one.job_id not in removed] + added)
    space = _space(tx, scan_row, origin.sample)
    labels = None
    if scan_row["has_voxels"][0].as_py():
        labels = Labels.from_table(tx.read("label_runs", sample=origin.sample, t=origin.t), space.shape)
    done = commit.stage(tx, origin, scan_row, found, labels, space, history.max_drift(tx, origin.sample, origin.t))
    return Corrected(str(tx.job_id), done.changed_tracks, done.warnings)


def _redo_links(tx: Transaction, origin: rows.Origin, said: list[Correction], before: int, after: int) -> Corrected:
    times = sorted(tx.read("scans", sample=origin.sample, columns=["t"])["t"].to_pylist())
    if (before, after) not in pairwise(times):
        # Its scans no longer follow one another: the correction was not applied, and nothing follows from taking it back.
        corrections.write(tx, origin.sample, said)
        return Corrected(str(tx.job_id), 0, ())
    later = rows.Origin(origin.sample, origin.sample_no, after)
    scan_row = tx.read("scans", sample=origin.sample, t=after)
    space = _space(tx, scan_row, origin.sample)
    placed = history.relink(tx, later, before, space, history.max_drift(tx, origin.sample, after), said)
    corrections.write(tx, origin.sample, placed.corrections)
    return Corrected(str(tx.job_id), placed.changed_tracks, placed.warnings)


def _as_found(tx: Transaction, origin: rows.Origin, said: list[Correction]) -> pa.Table:
    """Features of a scan before any correction, dropped ones among them, in the order of their labels."""
    kept = tx.read("features", sample=origin.sample, t=origin.t)
    dropped = tx.read("dropped_features", sample=origin.sample, t=origin.t)
    kinds = kept["kind"].to_pylist()
    first = {
        one.feature.uid: one.found_kind for one in said if one.action == "kind" and one.applied and one.feature.t == origin.t
    }
    kinds = [first.get(uid, name) for uid, name in zip(kept["uid"].to_pylist(), kinds, strict=True)]
    kept = rows.with_column(kept, "kind", pa.array(kinds, pa.string()))
    return pa.concat_tables([kept, dropped.cast(kept.schema)]).sort_by("label").combine_chunks()


def _space(tx: Transaction, scan_row: pa.Table, sample: str) -> Space:
    (scan,) = scan_row.to_pylist()
    (held,) = tx.read("samples", sample=sample).to_pylist()
    return Space(
        (scan["n_z"], scan["n_y"], scan["n_x"]),
        (held["voxel_z"], held["voxel_y"], held["voxel_x"]),
        scan["near_gap"],
        scan["cluster_gap"],
        scan["density_radius"],
        region.stored(scan),
    )


def _find(tx: Transaction, uid: str) -> tuple[pa.Table, int]:
    """Features of the scan of a feature, and its row."""
    sample, t, label = ids.parse_uid(uid)
    scans = tx.base.scans(sample)
    if t not in scans:
        held = (
            f"its scans are t = {', '.join(map(str, scans))}" if scans else f"samples: {', '.join(tx.base.samples()) or 'none'}"
        )
        raise InputError(f"there is no feature {uid}: the store has no scan t = {t} of sample {sample!r}; {held}")
    found = tx.read("features", sample=sample, t=t)
    row = pc.index(found["label"], label).as_py()
    if row < 0:
        for one in corrections.read(tx, sample):
            if one.action == "drop" and one.applied and one.feature.uid == uid:
                raise InputError(f"there is no feature {uid} any more: the correction {one} dropped it")
        raise InputError(f"there is no feature {uid}: scan t = {t} of sample {sample!r} has {found.num_rows} (labels from 1)")
    return found, row


def _meant(store: Store, job: str) -> tuple[str, Correction]:
    held = [(sample, one) for sample in store.manifest().samples() for one in corrections.read(store, sample)]
    if not held:
        raise InputError("there is no correction to take back")
    if job == "last":
        return max(held, key=lambda pair: pair[1].made_at)
    found = [(sample, one) for sample, one in held if len(job) >= 4 and one.job_id.startswith(job)]
    if len(found) != 1:
        shown = "; ".join(str(one) for _, one in held[-5:])
        what = f"{len(found)} corrections" if found else "no correction that holds"
        raise InputError(f"{what} with the job {job!r} (at least 4 characters of it, or `last`). The newest are: {shown}")
    return found[0]


def _origin(tx: Transaction, place: Place) -> rows.Origin:
    sample = _sample(place)
    return rows.Origin(sample, tx.sample_no(sample), place.t)


def _sample(place: Place) -> str:
    return ids.parse_uid(place.uid)[0]


@contextmanager
def _writing(store: Store, action: Action, uid: str, author: str, reason: str, **more: str) -> Iterator[tuple[Transaction, str]]:
    for name, value in (("author", author), ("reason", reason)):
        if not value.strip():
            raise InputError(f"a correction needs {'an' if name == 'author' else 'a'} {name}: it is empty")
    sample, t, _ = ids.parse_uid(uid)
    parameters = {"feature": uid, **more, "author": author, "reason": reason}
    # A wrong correction must leave no job behind: the transaction is abandoned with the error.
    with store.write(Job(f"correct {action}", sample=sample, t=t, parameters=parameters)) as tx:
        yield tx, str(tx.job_id)


def _now(tx: Transaction) -> str:
    """Later than every correction in the store, whatever the clock says: their order is that of their times."""
    now = datetime.now(UTC)
    made = [datetime.fromisoformat(text) for text in tx.read("corrections", columns=["made_at"])["made_at"].to_pylist()]
    return max([now, *(time + timedelta(microseconds=1) for time in made)]).isoformat()
