"""The neighbour loader against exact neighbourhoods, exact probabilities, and the scans it may see."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.analysis import fronts
from xctgraph.analysis import snapshots
from xctgraph.analysis.snapshots.loader import NeighbourLoader
from xctgraph.analysis.snapshots.pyg import require_pyg
from xctgraph.store import open_store
from xctgraph.store.errors import InputError

torch = pytest.importorskip("torch")


@pytest.fixture
def stack(tmp_path: Path, rng: np.random.Generator) -> Any:
    made = fronts.graph(rng, n_scans=4, n_features=40, gap=25.0)
    opened = open_store(tmp_path / "xct.store", create=True)
    fronts.fill(opened, made)
    return snapshots.spatiotemporal(opened)


def graph_of(n: int, edges: list[tuple[int, int]], t: list[int] | None = None) -> Any:
    data = require_pyg()[1].HeteroData()
    data["a"].x = torch.arange(n, dtype=torch.float32)[:, None]
    if t is not None:
        data["a"].t = torch.tensor(t)
    data["a", "to", "a"].edge_index = torch.tensor(edges).T.contiguous().reshape(2, -1)
    data["a", "to", "a"].edge_attr = torch.arange(len(edges), dtype=torch.float32)[:, None]
    return data


def exact(edges: list[tuple[int, int]], seeds: list[int], hops: list[int]) -> dict[frozenset[int], float]:
    """Probability of every set of edges, by going through all choices of k of the incoming edges of each node."""
    outcomes = {(frozenset[int](), tuple(seeds), frozenset(seeds)): 1.0}
    for k in hops:
        after: Counter[Any] = Counter()
        for (taken, fresh, seen), p in outcomes.items():
            choices = []
            for v in fresh:
                into = [e for e, (_, b) in enumerate(edges) if b == v]
                choices.append(list(itertools.combinations(into, min(k, len(into)))))
            total = np.prod([len(c) for c in choices]) if choices else 1
            for choice in itertools.product(*choices):
                drawn = [e for part in choice for e in part]
                new = tuple(sorted({edges[e][0] for e in drawn} - seen))
                after[taken | set(drawn), new, seen | set(new)] += p / total
        outcomes = dict(after)
    found: Counter[frozenset[int]] = Counter()
    for (taken, _, _), p in outcomes.items():
        found[taken] += p
    return dict(found)


def test_drawn_with_the_exact_probabilities(seed: int) -> None:
    """Two hops with shared neighbours: every set of edges as often as enumeration says."""
    edges = [(1, 0), (2, 0), (3, 0), (2, 1), (4, 1), (5, 1), (0, 2), (4, 2), (5, 3), (6, 3), (7, 3)]
    hops = [2, 1]
    loader = NeighbourLoader(graph_of(8, edges), hops, "a", seed=seed)
    expected = exact(edges, [0], hops)
    n = 20_000
    counts = Counter(frozenset(next(iter(loader.sample(np.array([0]))[1].values()))[1].tolist()) for _ in range(n))
    assert set(counts) <= set(expected)
    assert len(expected) > 15
    observed = [counts[outcome] for outcome in expected]
    assert stats.chisquare(observed, [n * p for p in expected.values()]).pvalue > 1e-7


def test_each_edge_of_many_is_as_likely_as_the_others(seed: int) -> None:
    degree, k, n = 37, 5, 8000
    loader = NeighbourLoader(graph_of(degree + 1, [(i + 1, 0) for i in range(degree)]), [k], "a", seed=seed)
    counts = np.zeros(degree)
    for _ in range(n):
        _, edges = loader.sample(np.array([0]))
        rows = edges["a", "to", "a"][1]
        assert len(set(rows.tolist())) == k
        counts[rows] += 1
    # The k drawn exclude each other: the counts spread less than those of n k independent draws.
    spread = n * k / degree * (1 - k / degree) * degree / (degree - 1)
    assert stats.chi2.sf(((counts - n * k / degree) ** 2 / spread).sum(), degree - 1) > 1e-7


@pytest.mark.parametrize("hops", [[-1], [-1, -1], [-1, -1, -1]], ids=len)
def test_all_neighbours_are_the_exact_neighbourhood(stack: Any, hops: list[int], rng: np.random.Generator) -> None:
    seeds = torch.from_numpy(rng.choice(stack["pore"].num_nodes, 3, replace=False))
    (batch,) = NeighbourLoader(stack, hops, ("pore", seeds))
    reached = {name: set[int]() for name in stack.node_types}
    reached["pore"] = set(seeds.tolist())
    expected: dict[Any, set[int]] = {edge_type: set() for edge_type in stack.edge_types}
    for _ in hops:
        before = {name: set(rows) for name, rows in reached.items()}
        for a, relation, b in stack.edge_types:
            for e, (source, target) in enumerate(stack[a, relation, b].edge_index.T.tolist()):
                if target in before[b]:
                    expected[a, relation, b].add(e)
                    reached[a].add(source)
    for name in stack.node_types:
        assert sorted(batch[name].n_id.tolist()) == sorted(reached[name])
    for edge_type in stack.edge_types:
        assert sorted(batch[edge_type].e_id.tolist()) == sorted(expected[edge_type])


def test_batches_hold_the_tensors_of_the_graph(stack: Any, seed: int) -> None:
    mask = torch.rand(stack["inclusion"].num_nodes) < 0.7
    loader = NeighbourLoader(stack, [4, 2], ("inclusion", mask), batch_size=16, shuffle=True, seed=seed)
    batches = list(loader)
    assert len(batches) == len(loader)
    seeds = torch.cat([b["inclusion"].input_id for b in batches])
    assert sorted(seeds.tolist()) == torch.nonzero(mask)[:, 0].tolist()
    assert seeds.tolist() != sorted(seeds.tolist())
    for batch in batches:
        assert batch.validate(raise_on_error=True)
        n = batch["inclusion"].batch_size
        assert torch.equal(batch["inclusion"].n_id[:n], batch["inclusion"].input_id)
        for name in stack.node_types:
            assert len(set(batch[name].n_id.tolist())) == batch[name].num_nodes
            for key in ("x", "pos", "t"):
                assert torch.equal(batch[name][key].nan_to_num(1e30), stack[name][key][batch[name].n_id].nan_to_num(1e30))
        for a, relation, b in stack.edge_types:
            edge, whole = batch[a, relation, b], stack[a, relation, b]
            index = torch.stack([batch[a].n_id[edge.edge_index[0]], batch[b].n_id[edge.edge_index[1]]])
            assert torch.equal(index, whole.edge_index[:, edge.e_id])
            assert len(set(edge.e_id.tolist())) == len(edge.e_id)
            if "edge_attr" in whole:
                assert torch.equal(edge.edge_attr.nan_to_num(1e30), whole.edge_attr[edge.e_id].nan_to_num(1e30))
            degree = torch.bincount(edge.edge_index[1], minlength=batch[b].num_nodes)
            assert (degree <= 4).all()
    assert batches[0].x_names == stack.x_names
    again = NeighbourLoader(stack, [4, 2], ("inclusion", mask), batch_size=16, shuffle=True, seed=seed)
    for a, b in zip(batches, again, strict=True):
        assert torch.equal(a["inclusion"].n_id, b["inclusion"].n_id)


def test_never_past_the_scan_of_the_target(stack: Any, rng: np.random.Generator) -> None:
    """Also where a user adds the links backwards: what reaches a seed through any number of layers is not later than it."""
    for a, relation, b in list(stack.edge_types):
        if relation == "NEXT":
            stack[b, "rev_NEXT", a].edge_index = stack[a, relation, b].edge_index.flip(0)
    for t in range(4):
        seeds = torch.nonzero(stack["inclusion"].t == t)[:, 0]
        (batch,) = NeighbourLoader(stack, [-1] * 5, ("inclusion", seeds), batch_size=10_000)
        for name in stack.node_types:
            assert (batch[name].t <= t).all()
        assert t == 0 or any((batch[name].t < t).any() for name in stack.node_types)
    mixed = torch.arange(stack["inclusion"].num_nodes)
    (batch,) = NeighbourLoader(stack, [-1] * 3, ("inclusion", mixed), batch_size=10_000)
    for a, relation, b in batch.edge_types:
        source, target = batch[a, relation, b].edge_index
        assert (batch[a].t[source] <= batch[b].t[target]).all()


def test_a_later_scan_changes_no_sample(tmp_path: Path, rng: np.random.Generator, seed: int) -> None:
    made = fronts.graph(rng, n_scans=4, n_features=30)
    opened = open_store(tmp_path / "xct.store", create=True)
    fronts.fill(opened, made)
    found = []
    for span in (slice(0, 2), slice(0, 4)):
        stack = snapshots.spatiotemporal(opened, t=span)
        seeds = torch.nonzero(stack["pore"].t <= 1)[:, 0]
        found.append(list(NeighbourLoader(stack, [3, 3], ("pore", seeds), batch_size=4, seed=seed)))
    for a, b in zip(*found, strict=True):
        for name in a.node_types:
            assert torch.equal(a[name].n_id, b[name].n_id)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([2], "b"), "no node type 'b'.*Valid: a"),
        (({("a", "at", "a"): [2]}, "a"), "no edge type 'a at a': did you mean 'a to a'"),
        (([-2], "a"), r"num_neighbours \[-2\]"),
        (([2], ("a", torch.tensor([0, 0]))), "from 0 to 1, each once"),
        (([2], ("a", torch.tensor([True]))), "mask of 'a' has 1 values, the graph 2"),
    ],
    ids=["node", "edge", "hops", "rows", "mask"],
)
def test_what_does_not_fit_is_named(arguments: tuple[Any, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        NeighbourLoader(graph_of(2, [(0, 1)]), *arguments)
