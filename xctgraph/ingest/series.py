"""Scans of a sample as a series in time: those that arrive against those that are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from xctgraph.store import Store
from xctgraph.store.errors import InputError


@dataclass(frozen=True)
class Moment:
    """What tells one scan of a series from another: time in seconds, start of the acquisition (ISO 8601), checksum."""

    time_s: float | str | None
    acquired_at: float | str | None
    checksum: str


def held(store: Store | None, sample: str) -> dict[int, Moment]:
    """The stored scans of a sample by t; no store holds none."""
    if store is None:
        return {}
    rows = store.read("scans", sample=sample, columns=["t", "time_s", "acquired_at", "checksum"]).to_pylist()
    return {row["t"]: Moment(row["time_s"], row["acquired_at"], row["checksum"]) for row in rows}


def check(stored: Mapping[int, Moment], planned: Mapping[int, Moment]) -> dict[int, list[str]]:
    """Doubts about the scans that arrive, by t.

    Raises
    ------
    InputError
        If the time of a scan is not between those of its neighbours.
    """
    together = dict(sorted({**stored, **planned}.items()))
    doubts: dict[int, list[str]] = {t: [] for t in planned}
    timed = [(t, float(one.time_s)) for t, one in together.items() if one.time_s is not None]
    for (t_a, time_a), (t_b, time_b) in pairwise(timed):
        if time_b <= time_a and (t_a in planned or t_b in planned):
            raise InputError(
                f"scan t = {t_b} has time_s = {time_b:g}, but t = {t_a} before it has {time_a:g}{_where(t_a, planned)}: number "
                "the scans in the order they were measured"
            )
    begun = [(t, one.acquired_at) for t, one in together.items() if isinstance(one.acquired_at, str)]
    for (t_a, at_a), (t_b, at_b) in pairwise(begun):
        if _time(at_b) <= _time(at_a) and (t_a in planned or t_b in planned):
            doubts[t_b if t_b in planned else t_a].append(
                f"scan t = {t_b} was acquired at {at_b}, but t = {t_a} before it at {at_a}: are they numbered in the order they "
                "were measured?"
            )
    first: dict[str, int] = {}
    for t, one in together.items():
        other = first.setdefault(one.checksum, t)
        if other != t and (t in planned or other in planned):
            doubts[t if t in planned else other].append(
                f"scan t = {t} has the same content as t = {other}: is it the same scan twice?"
            )
    return doubts


def _where(t: int, planned: Mapping[int, Moment]) -> str:
    return "" if t in planned else " in the store"


def _time(text: str) -> datetime:
    """Times without a zone are taken as UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
