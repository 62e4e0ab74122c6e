"""Edges split by types against a plain sort."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from xctgraph.analysis.snapshots.arrays import by_kind, joined

KINDS = ["inclusion", "pore", "fracture", "other"]


@settings(deadline=None, max_examples=100)
@given(
    number=st.integers(0, 2**31 - 1),
    n=st.integers(1, 30),
    share=st.floats(0, 1),
    sparse=st.booleans(),
    shuffled=st.booleans(),
    relation=st.sampled_from(["NEAR", "TOUCHES", "NEXT"]),
)
def test_every_pair_of_kinds_has_its_edges_in_order(
    number: int, n: int, share: float, sparse: bool, shuffled: bool, relation: str
) -> None:
    rng = np.random.default_rng(number)
    ids = np.sort(rng.choice(10**9 if sparse else 2 * n, n, replace=False)) + 7
    kind = rng.choice(KINDS[: rng.integers(1, 5)], n)
    a, b = np.nonzero(np.triu(rng.random((n, n)) < share, 1))
    if shuffled:
        order = rng.permutation(len(a))
        a, b = a[order], b[order]
        turned = rng.random(len(a)) < 0.5
        a, b = np.where(turned, b, a), np.where(turned, a, b)
    attr = rng.random((len(a), 2)).astype(np.float32)
    taken = rng.random(n) < 0.8
    wanted = ["fracture", "pore", "inclusion"]
    places = by_kind(pa.table({"feature_id": ids, "kind": kind}), wanted, taken)
    edges = pa.table({"source": ids[a], "target": ids[b]})
    found = joined(relation, edges, attr, places, places)
    rows = {k: ids[(kind == k) & taken].tolist() for k in wanted}
    expected: dict[tuple[str, str], list[tuple[int, int, float, float]]] = {(k, m): [] for k in wanted for m in wanted}
    for i, j, values in zip(a, b, attr.tolist(), strict=True):
        for u, v in [(i, j), (j, i)] if relation != "NEXT" else [(i, j)]:
            if taken[u] and taken[v] and kind[u] in wanted and kind[v] in wanted:
                expected[kind[u], kind[v]].append((rows[kind[u]].index(ids[u]), rows[kind[v]].index(ids[v]), *values))
    held = {(k, m): part for (k, _, m), part in found.items()}
    for pair, listed in expected.items():
        if pair not in held:
            assert not listed
            continue
        part = held[pair]
        assert part.index.flags.c_contiguous
        assert [(*edge, *values) for edge, values in zip(part.index.T.tolist(), part.attr.tolist(), strict=True)] == sorted(
            listed
        )
