"""Values that must name something in the store: samples, scans, kinds, features, and gaps that the stored edges cover.

Without these checks a misspelt sample would give an empty answer, and a radius beyond the stored NEAR edges a wrong one.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from xctgraph.queries.parameter import Parameter, Value
from xctgraph.store import ids
from xctgraph.store.errors import InputError, QueryError, nearest
from xctgraph.store.schema import KINDS

_SCANS = "MATCH (s:Scan) RETURN s.sample AS sample, s.t AS t, s.near_gap AS near_gap ORDER BY s.scan_id"
_HAS_KIND = "MATCH (f:Feature) WHERE f.kind = $kind RETURN f.feature_id AS feature_id LIMIT 1"
_KINDS = "MATCH (f:Feature) RETURN DISTINCT f.kind AS kind"
_SAMPLE_NO = "MATCH (s:Sample {sample: $sample}) RETURN s.sample_no AS sample_no"
_HAS_FEATURE = "MATCH (f:Feature {feature_id: $feature}) RETURN f.uid AS uid, f.sample AS sample, f.t AS t"


class Answers(Protocol):
    """What answers Cypher: a `Store`."""

    def cypher(self, query: str, /, **parameters: object) -> pa.Table:
        """Rows of a read-only query."""
        ...


@dataclass(frozen=True)
class _Scan:
    sample: str
    t: int
    near_gap: float


def resolve(
    store: Answers, parameters: Iterable[Parameter], values: Mapping[str, Value], given: Container[str]
) -> dict[str, Value]:
    """Values to bind, features as their `feature_id`; a gap that is not among the `given` is at most that of the stored edges.

    Raises
    ------
    QueryError
        If a sample, scan, kind or feature is not in the store, or a gap is larger than that of the stored NEAR edges.
    """
    bound = dict(values)
    by_role: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        if values[parameter.name] != parameter.default or parameter.role == "gap":
            by_role.setdefault(parameter.role, []).append(parameter)
    chosen: list[_Scan] | None = None
    for parameter in by_role.get("feature", ()):
        bound[parameter.name], scan = _feature(store, parameter.name, values[parameter.name])
        chosen = [s for s in _scans(store) if (s.sample, s.t) == scan]
    if chosen is None and by_role.keys() & {"sample", "scan", "gap"}:
        chosen = _scans(store)
    for parameter in by_role.get("sample", ()):
        chosen = _of_sample(chosen or [], parameter.name, values[parameter.name])
    for parameter in by_role.get("scan", ()):
        chosen = _at(chosen or [], parameter.name, values[parameter.name])
    for parameter in by_role.get("gap", ()):
        bound[parameter.name] = _covered(chosen or [], parameter, float(values[parameter.name]), given)
    for parameter in by_role.get("kind", ()):
        _kind(store, parameter.name, str(values[parameter.name]))
    return bound


def _scans(store: Answers) -> list[_Scan]:
    return [_Scan(row["sample"], row["t"], row["near_gap"]) for row in store.cypher(_SCANS).to_pylist()]


def _of_sample(scans: list[_Scan], name: str, sample: Value) -> list[_Scan]:
    found = [s for s in scans if s.sample == sample]
    if not found:
        known = {s.sample for s in scans}
        rest = nearest(str(sample), known) if known else "the store holds no scan"
        raise QueryError(f"parameter {name} = {sample!r}: there is no such sample; {rest}")
    return found


def _at(scans: list[_Scan], name: str, t: Value) -> list[_Scan]:
    found = [s for s in scans if s.t == t]
    if not found:
        known = ", ".join(map(str, _ranges(sorted({s.t for s in scans}))))
        rest = f"valid are {known}" if known else "the store holds no scan"
        raise QueryError(f"parameter {name} = {t}: there is no such scan; {rest}")
    return found


def _ranges(numbers: list[int]) -> list[str]:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]


def _covered(scans: list[_Scan], parameter: Parameter, gap: float, given: Container[str]) -> float:
    short = min(scans, key=lambda s: s.near_gap, default=None)
    if short is None or gap <= short.near_gap:
        return gap
    if parameter.name not in given:
        return short.near_gap
    raise QueryError(
        f"parameter {parameter.name} = {gap:g} um is larger than the {short.near_gap:g} um up to which NEAR edges are stored in "
        f"scan t = {short.t} of sample {short.sample!r}: give at most {short.near_gap:g}, or ingest again with a larger gap_um "
        "in [proximity]"
    )


def _kind(store: Answers, name: str, kind: str) -> None:
    if kind in KINDS or store.cypher(_HAS_KIND, kind=kind).num_rows:
        return
    known = {*KINDS, *store.cypher(_KINDS)["kind"].to_pylist()}
    raise QueryError(f"parameter {name} = {kind!r}: no feature is of this kind; {nearest(kind, known)}")


def _feature(store: Answers, name: str, value: Value) -> tuple[int, tuple[str, int]]:
    identifier = value if isinstance(value, int) else _identifier(store, name, str(value))
    rows = [] if identifier is None else store.cypher(_HAS_FEATURE, feature=identifier).to_pylist()
    if identifier is None or not rows:
        raise QueryError(
            f"parameter {name} = {value!r}: there is no such feature; `largest-features` and `features-by-attributes` "
            "list features with their feature_id and uid"
        )
    return identifier, (rows[0]["sample"], rows[0]["t"])


def _identifier(store: Answers, name: str, uid: str) -> int | None:
    try:
        sample, t, label = ids.parse_uid(uid)
        numbers = store.cypher(_SAMPLE_NO, sample=sample)["sample_no"].to_pylist()
        return ids.feature_id(numbers[0], t, label) if numbers else None
    except InputError as error:
        raise QueryError(f"parameter {name} = {uid!r} is not valid: {error}") from error
