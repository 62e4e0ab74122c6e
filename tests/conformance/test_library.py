"""Every library query on both engines against the same question in DuckDB SQL, on random graphs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests import factories
from tests.conformance import graphs, oracle
from tests.conformance.worlds import World, several
from xctgraph.queries import catalogue
from xctgraph.store import Store

Values = dict[str, object]

# The feature of which there is most to tell.
_MOST = {
    "neighbours": "SELECT a AS f FROM both_touches",
    "feature-history": "SELECT track_id AS f FROM features",
    "ancestors": "SELECT target AS f FROM next",
    "descendants": "SELECT source AS f FROM next",
}


def _choices(name: str, world: World) -> list[Values]:
    """Parameters to ask a query with: the defaults, and some random ones."""
    connection, rng = world.sql, world.rng
    features = connection.execute("SELECT * FROM features").df()
    samples = connection.execute("SELECT sample FROM samples").df()["sample"].tolist()
    scans = connection.execute("SELECT DISTINCT t FROM scans ORDER BY t").df()["t"].tolist()
    kinds = ["", "inclusion", "pore", "fracture", *(["void"] if (features.kind == "void").any() else [])]

    def one(values: list[object]) -> object:
        return values[int(rng.integers(len(values)))]

    def bounds(column: str) -> Values:
        low, high = np.sort(rng.choice(features[column].dropna().to_numpy(), 2)).tolist()
        return {f"{column}_min": low, f"{column}_max": high}

    gap = float(rng.uniform(5, 40))
    sampled: list[Values] = [{}, *({"sample": s} for s in samples)]
    kinded: list[Values] = [*sampled, *({"kind": k} for k in kinds), {"sample": one(samples), "kind": one(kinds)}]
    if name in ("counts-and-volume-fraction", "scan-quality"):
        return [*sampled, *(s | {"quality": "sound"} for s in sampled)]
    if name in ("largest-features", "density-around-features"):
        values: list[Values] = [{"t": t, "limit": 1000} for t in scans] + [
            {"t": one(scans), "kind": k, "limit": 7} for k in kinds
        ]
        if name == "density-around-features":
            values += [{"t": t, "gap_um": gap, "neighbour_kind": one(kinds)} for t in scans]
        return values
    if name == "features-by-attributes":
        if features.empty:
            return [{}]
        columns = ("volume", "equivalent_diameter", "sphericity", "z", "y", "x", "intensity_mean", "local_density")
        box = bounds("z") | bounds("y") | bounds("x")
        ranged: list[Values] = [bounds(c) for c in columns] + [{k: v} for c in columns[-2:] for k, v in bounds(c).items()]
        return [*kinded, *ranged, box, {"t_min": 1, "t_max": 3}, {"border": "inside", "limit": 3}, {"border": "touching"}]
    chosen = [int(f) for f in rng.permutation(features.feature_id.tolist())[:8]]
    if name == "neighbours":
        return [{"feature": f, "gap_um": g, "kind": one(kinds)} for f in chosen for g in (gap, 40)]
    if name in ("feature-history", "ancestors", "descendants"):
        return [{"feature": f} for f in chosen]
    if name in ("track-growth", "births-deaths-splits-merges"):
        return kinded if name.startswith("births") else [*kinded, {"min_features": 3}, {"limit": 4}]
    if name == "fastest-growing-tracks":
        return [*kinded, *({"by": "relative", "limit": 500} | k for k in kinded), {"volume_min": 500.0, "min_features": 3}]
    if name == "front-advance-by-scan":
        return sampled
    if name in ("sites-advanced-vs-density", "fracture-geometry", "regions-damage"):
        return [*sampled, *({"t": t} for t in scans)]
    if name not in ("near-fracture-then-reached", "fracture-growth-vs-density"):
        offered: dict[str, list[object]] = {
            "axis": ["major", "minor"],
            "bins": [1, 5, 90],
            "bin_width": [0.001, 0.02],
            "border": ["any", "inside", *(["touching"] if name == "size-distribution" else [])],
            "confidence_max": [0.0, 0.4, 1.0],
            "elongation_min": [1.0, 3.0],
            "gap_um": [gap, 40.0, 0.0],
            "kind": list(kinds),
            "limit": [3, 500],
            "min_features": [1, 3],
            "neighbour_kind": list(kinds),
            "t": list(scans),
            "volume_min": [500.0],
        }
        parameters = catalogue[name].parameters
        needed: Values = {p.name: one(offered[p.name]) for p in parameters if p.required}
        held = connection.execute("SELECT sample, t FROM scans WHERE t = $t", needed).df() if needed else None
        offered["sample"] = samples if held is None else held["sample"].tolist()
        singly = [needed | {p.name: value} for p in parameters for value in offered[p.name]]
        mixed: Values = {p.name: one(offered[p.name]) for p in parameters if p.name not in ("sample", "t")}
        return [needed, *singly, needed | mixed]
    gap_name = "radius_um" if name == "fracture-growth-vs-density" else "gap_um"
    return [*sampled, {gap_name: gap}, {gap_name: 40}, {gap_name: 0}, *({"t": t} for t in scans)]


@pytest.mark.parametrize("name", catalogue)
def test_answers_are_those_of_sql(world: World, name: str) -> None:
    store, connection = world.store, world.sql
    query = catalogue[name]
    for values in _choices(name, world):
        expected = oracle.answer(connection, oracle.SQL[name], query.parse(values))
        oracle.assert_same(query.run(store, **values), expected, (name, values))


@pytest.mark.parametrize("world", [several], indirect=True, ids=["several"])
def test_graphs_are_rich_enough(world: World) -> None:
    """Answers without rows prove nothing: where there are features, the defaults of every query find some."""
    store, connection = world.store, world.sql
    for name, query in catalogue.items():
        feature = connection.execute(f"{_MOST.get(name, 'SELECT 0 AS f')} GROUP BY f ORDER BY count(*) DESC, f").fetchall()[0][0]
        answer = query.run(store, **_given(name, feature, 0))
        assert answer.num_rows > 1, name
        for column in (
            "merges",
            "splits",
            "swallowed",
            "n_reached",
            "n_not_reached",
            "n_merged",
            "contact_area",
            "volume_fraction",
        ):
            if column in answer.column_names:
                assert any(answer[column].to_pylist()), (name, column)


def test_no_answer_depends_on_the_order_of_ids(rng: np.random.Generator, open_engine: Callable[[], Store]) -> None:
    made = graphs.rich(rng, "S1", 0)
    middle = len(made["features"]) // 2
    answers = []
    for mirror in (False, True):
        turned = graphs.renumbered(made, made.scans, mirror=mirror)
        number = {f: n for n, f in enumerate(turned["features"].sort_values(["t", "z"]).feature_id)}
        with open_engine() as store:
            factories.fill(store, turned)
            chosen = next(f for f, n in number.items() if n == middle)
            rows = {}
            for name, query in catalogue.items():
                values = _given(name, chosen, 1) | ({"limit": 1000} if "limit" in query.text else {})
                table = query.run(store, **values)
                rows[name] = _neutral(table.to_pylist(), number)
        answers.append(rows)
    assert answers[0] == answers[1]


def _given(name: str, feature: int, t: int) -> Values:
    """What the query requires, and a gap within which not every feature has a neighbour."""
    required = {p.name for p in catalogue[name].parameters if p.required}
    values: Values = {k: v for k, v in {"feature": feature, "t": t}.items() if k in required}
    return values | ({"gap_um": 5.0} if name == "isolated-features" else {})


def _neutral(rows: list[dict[str, object]], number: dict[int, int]) -> list[str]:
    """Rows without labels and in an order of their own, ids replaced by numbers that do not depend on them."""
    ids = ("feature_id", "fracture_id", "track_id", "next_id", "merged_id", "part_id")
    drop = ("uid", "label", "feature", "fracture", "next_uid", "merged", "part", "cluster_id", "lineage_id")
    kept = [{k: number[v] if k in ids else _rounded(v) for k, v in row.items() if k not in drop} for row in rows]
    return sorted(map(str, kept))


def _rounded(value: object) -> object:
    """Floats to what does not depend on the order of a sum."""
    if not isinstance(value, float):
        return value
    return "0" if abs(value) < 1e-9 else f"{value:.9g}"
