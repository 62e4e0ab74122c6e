"""Scores against counts known by construction, and matching against brute force."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xctgraph.ingest import scoring
from xctgraph.store import ids
from xctgraph.store.errors import InputError

N = 60


@pytest.fixture
def components(rng: np.random.Generator) -> pa.Table:
    """Two scans of 60 components on a grid, 20 voxels apart, with 30 to 200 voxels."""
    grid = np.argwhere(np.ones((3, 4, 5))) * 20.0
    points = np.concatenate([grid, grid + rng.uniform(-3, 3, 3)])
    return pa.table(
        {
            "t": np.repeat(np.array([0, 1], np.int32), N),
            "component": np.tile(np.arange(1, N + 1), 2),
            **{f"v{axis}": points[:, k] for k, axis in enumerate("zyx")},
            "n_voxels": rng.integers(30, 200, 2 * N),
            "kind": ["inclusion"] * (2 * N),
            "visible": np.ones(2 * N, bool),
            "ambiguous": np.zeros(2 * N, bool),
        }
    )


@pytest.fixture
def true_links() -> pa.Table:
    """Component i becomes i; 1 splits into 1 and 2, 2 and 3 merge into 3, 4 is swallowed by 60."""
    pairs = [(i, i, "continue") for i in range(5, N + 1)]
    pairs += [(1, 1, "split"), (1, 2, "split"), (2, 3, "merge"), (3, 3, "merge"), (4, 60, "swallowed")]
    source, target, event = zip(*pairs, strict=True)
    n = len(pairs)
    return pa.table(
        {
            "t": np.zeros(n, np.int32),
            "source": np.array(source),
            "target": np.array(target),
            "event": event,
            "visible": np.ones(n, bool),
            "ambiguous": np.zeros(n, bool),
        }
    )


def set_column(table: pa.Table, name: str, values: object) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def as_found(components: pa.Table, rng: np.random.Generator, jitter: float = 0.5) -> tuple[pa.Table, np.ndarray]:
    """The components under other labels and a little off; and the label of each."""
    label = np.concatenate([rng.permutation(N), rng.permutation(N)]) + 1
    found = components.select(["t", "kind", "n_voxels"]).append_column("label", pa.array(label))
    for axis in "zyx":
        found = found.append_column(f"v{axis}", pa.array(components[f"v{axis}"].to_numpy() + rng.uniform(-jitter, jitter, 2 * N)))
    return found.take(pa.array(rng.permutation(2 * N))), label


def as_found_links(true_links: pa.Table, label: np.ndarray) -> pa.Table:
    source = label[true_links["source"].to_numpy() - 1]
    target = label[N + true_links["target"].to_numpy() - 1]
    return pa.table({"t": true_links["t"], "source": source, "target": target, "event": true_links["event"]})


def test_all_right(components: pa.Table, true_links: pa.Table, rng: np.random.Generator) -> None:
    found, label = as_found(components, rng)
    score = scoring.score(found, as_found_links(true_links, label), components, true_links)
    assert (score.detection.precision, score.detection.recall, score.detection.f1) == (1, 1, 1)
    assert (score.links.precision, score.links.recall, score.links.f1) == (1, 1, 1)
    assert score.links.n_truth == true_links.num_rows
    assert {name: (rate.recall, rate.n_truth) for name, rate in score.events.items()} == {
        "split": (1, 2),
        "merge": (1, 2),
        "swallowed": (1, 1),
    }
    assert score.detection.misnamed == 0
    pairs = set(zip(*(score.detection.matches[name].to_pylist() for name in ("t", "label", "component")), strict=True))
    expected = zip(components["t"].to_pylist(), label.tolist(), components["component"].to_pylist(), strict=True)
    assert pairs == set(expected)


def test_missed_and_false_features_are_counted(components: pa.Table, rng: np.random.Generator) -> None:
    found, _ = as_found(components, rng)
    kept = found.slice(7)
    far = kept.slice(0, 4)
    for axis in "zyx":
        far = set_column(far, f"v{axis}", far[f"v{axis}"].to_numpy() + 7.0)
    far = set_column(far, "label", np.arange(1000, 1004))
    rate = scoring.detection(pa.concat_tables([kept, far]), components)
    assert (rate.right, rate.n_found, rate.n_truth) == (2 * N - 7, 2 * N - 7 + 4, 2 * N)
    assert rate.f1 == pytest.approx(2 / (1 / rate.precision + 1 / rate.recall))


def test_volume_must_agree(components: pa.Table, rng: np.random.Generator) -> None:
    found, _ = as_found(components, rng)
    swollen = found["n_voxels"].to_numpy().copy()
    swollen[:5] *= 4
    rate = scoring.detection(set_column(found, "n_voxels", swollen), components)
    assert (rate.right, rate.n_found) == (2 * N - 5, 2 * N)


def test_kind_is_compared_apart(components: pa.Table, rng: np.random.Generator) -> None:
    found, _ = as_found(components, rng)
    kinds = np.array(found["kind"].to_pylist(), dtype=object)
    kinds[:3] = "pore"
    rate = scoring.detection(set_column(found, "kind", kinds), components)
    assert (rate.f1, rate.misnamed) == (1, 3)


@pytest.mark.parametrize("column", ["visible", "ambiguous"])
def test_what_is_not_asked_for_is_neither_missed_nor_wrong(
    components: pa.Table, true_links: pa.Table, rng: np.random.Generator, column: str
) -> None:
    found, label = as_found(components, rng)
    flags = np.full(2 * N, column == "visible")
    flags[9] = not flags[9]
    unasked = set_column(components, column, flags)
    link_flags = np.where(true_links["source"].to_numpy() == 10, column != "visible", column == "visible")
    links = set_column(true_links, column, link_flags)
    found_links = as_found_links(true_links, label)
    extra = pa.table(
        {"t": np.array([0], np.int32), "source": label[9:10], "target": label[N + 20 : N + 21], "event": ["continue"]}
    )
    with_it = scoring.score(found, pa.concat_tables([found_links, extra]), unasked, links)
    assert (with_it.detection.f1, with_it.detection.n_truth, with_it.links.f1) == (1, 2 * N - 1, 1)
    gone = found.filter(pa.array((found["t"].to_numpy() != 0) | (found["label"].to_numpy() != label[9])))
    without = scoring.score(gone, found_links.filter(pa.array(found_links["source"].to_numpy() != label[9])), unasked, links)
    assert (without.detection.f1, without.links.f1, without.links.n_truth) == (1, 1, true_links.num_rows - 1)


def test_what_became_of_a_source_may_not_be_asked_for(
    components: pa.Table, true_links: pa.Table, rng: np.random.Generator
) -> None:
    found, label = as_found(components, rng)
    unsure = true_links["source"].to_numpy() == 10
    links = set_column(true_links, "ambiguous", unsure)
    found_links = as_found_links(true_links, label)
    target = found_links["target"].to_numpy().copy()
    target[unsure] = label[N + 59]
    elsewhere = set_column(found_links, "target", target)
    rate = scoring.links(elsewhere, links, found, components, scoring.detection(found, components))
    assert (rate.right, rate.n_found, rate.n_truth) == (true_links.num_rows - 1,) * 3


def test_specks_are_left_out(components: pa.Table, rng: np.random.Generator) -> None:
    found, _ = as_found(components, rng)
    speck = found.slice(0, 1)
    speck = set_column(set_column(speck, "vz", speck["vz"].to_numpy() + 8.0), "label", [999])
    for size, precision in ((7, 1.0), (8, 2 * N / (2 * N + 1))):
        rate = scoring.detection(pa.concat_tables([found, set_column(speck, "n_voxels", [size])]), components)
        assert rate.precision == pytest.approx(precision)


def test_wrong_and_missing_links_are_counted(components: pa.Table, true_links: pa.Table, rng: np.random.Generator) -> None:
    found, label = as_found(components, rng)
    links = as_found_links(true_links, label)
    target = links["target"].to_numpy().copy()
    target[:3] = target[[1, 2, 0]]
    rewired = set_column(links, "target", target).slice(0, links.num_rows - 1)
    detected = scoring.detection(found, components)
    rate = scoring.links(rewired, true_links, found, components, detected)
    n = true_links.num_rows
    assert (rate.right, rate.n_found, rate.n_truth) == (n - 4, n - 1, n)
    missed = scoring.missed(rewired, true_links, found, components, detected)
    assert sorted(missed["source"].to_pylist()) == sorted([*true_links["source"].to_pylist()[:3], 4])


def test_events_need_the_right_name(components: pa.Table, true_links: pa.Table, rng: np.random.Generator) -> None:
    found, label = as_found(components, rng)
    links = as_found_links(true_links, label)
    names = ["continue" if name == "split" else name for name in links["event"].to_pylist()]
    score = scoring.score(found, set_column(links, "event", names), components, true_links)
    assert score.links.f1 == 1
    assert (score.events["split"].recall, score.events["merge"].recall) == (0, 1)


def test_ids_of_the_store_are_understood(components: pa.Table, true_links: pa.Table, rng: np.random.Generator) -> None:
    found, label = as_found(components, rng)
    links = as_found_links(true_links, label)
    as_ids = pa.table(
        {
            "t": links["t"],
            "source": ids.feature_id(3, 0, links["source"].to_numpy()),
            "target": ids.feature_id(3, 1, links["target"].to_numpy()),
            "event": links["event"],
        }
    )
    assert scoring.score(found, as_ids, components, true_links).links.f1 == 1


def test_nothing_found(components: pa.Table, true_links: pa.Table, rng: np.random.Generator) -> None:
    found, label = as_found(components, rng)
    score = scoring.score(found.slice(0, 0), as_found_links(true_links, label).slice(0, 0), components, true_links)
    assert (score.detection.recall, score.detection.precision, score.detection.f1) == (0, 1, 0)
    assert (score.links.recall, score.links.f1) == (0, 0)


def test_missing_columns_are_named(components: pa.Table) -> None:
    with pytest.raises(InputError, match="found features lack the columns vz, vy, vx"):
        scoring.detection(pa.table({"t": [0], "label": [1], "n_voxels": [9]}), components)


def by_hand(found: np.ndarray, true: np.ndarray) -> set[tuple[int, int]]:
    pairs = sorted(
        (float(np.linalg.norm(a[:3] - b[:3])), i, j)
        for i, a in enumerate(found)
        for j, b in enumerate(true)
        if np.linalg.norm(a[:3] - b[:3]) <= max(1.5, 0.25 * (6 * b[3] / np.pi) ** (1 / 3)) and 1 / 3 < a[3] / b[3] < 3
    )
    taken: set[tuple[int, int]] = set()
    for _, i, j in pairs:
        if all(i != a and j != b for a, b in taken):
            taken.add((i, j))
    return taken


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(0, 25), st.integers(0, 25))
def test_matching_is_greedy_by_distance(seed: int, n_found: int, n_true: int) -> None:
    rng = np.random.default_rng(seed)

    def table(n: int, key: str) -> tuple[pa.Table, np.ndarray]:
        rows = np.column_stack([rng.uniform(0, 6, (n, 3)), rng.integers(8, 400, n)])
        columns = {name: rows[:, k] for k, name in enumerate(("vz", "vy", "vx"))}
        flags = {"visible": np.ones(n, bool), "ambiguous": np.zeros(n, bool)}
        return pa.table(
            {"t": np.zeros(n, np.int32), key: np.arange(n), **columns, "n_voxels": rows[:, 3].astype(np.int64), **flags}
        ), rows

    found, a = table(n_found, "label")
    true, b = table(n_true, "component")
    matches = scoring.detection(found, true).matches
    assert set(zip(matches["label"].to_pylist(), matches["component"].to_pylist(), strict=True)) == by_hand(a, b)
