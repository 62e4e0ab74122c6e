from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from xctgraph.ingest.proximity import clusters

edges = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12), st.floats(0.5, 9.0)), max_size=20)


@settings(deadline=None, max_examples=60)
@given(edges, st.floats(0.5, 9.0))
def test_clusters_are_what_a_walk_reaches(found: list[tuple[int, int, float]], cluster_gap: float) -> None:
    found = [(min(a, b), max(a, b), gap) for a, b, gap in found if a != b]
    near = pa.table({
        "source": pa.array([a for a, _, _ in found], pa.int64()),
        "target": pa.array([b for _, b, _ in found], pa.int64()),
        "gap": pa.array([gap for _, _, gap in found], pa.float64()),
    })  # fmt: skip
    expected = []
    for start in range(1, 13):
        reached, front = {start}, [start]
        while front:
            here = front.pop()
            for a, b, gap in found:
                if gap <= cluster_gap and here in (a, b):
                    for other in {a, b} - reached:
                        reached.add(other)
                        front.append(other)
        expected.append(min(reached))
    result = clusters(12, near, cluster_gap)
    assert result.dtype == np.int64
    assert result.tolist() == expected


def test_no_features() -> None:
    empty = pa.array([], pa.int64())
    near = pa.table({"source": empty, "target": empty, "gap": pa.array([], pa.float64())})
    assert clusters(0, near, 1.0).tolist() == []
