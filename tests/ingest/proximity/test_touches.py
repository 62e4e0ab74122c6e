from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from tests.ingest.proximity.volumes import random_volume, runs, seeds, spacings
from xctgraph.ingest.proximity import touches
from xctgraph.store.errors import InputError


@settings(deadline=None, max_examples=40)
@given(seeds, spacings)
def test_contact_areas_are_those_of_all_faces(seed: int, spacing: tuple[float, float, float]) -> None:
    volume, _ = random_volume(seed)
    rng = np.random.default_rng(seed)
    # Touching features of any kind: blocks of a coarse grid in place of the gaps between the components.
    blocks = (np.indices(volume.shape) // 5).sum(axis=0)
    packed = np.unique(volume * 100 + blocks, return_inverse=True)[1].reshape(volume.shape).astype(np.int32)
    kinds = [("inclusion", "pore", "slag")[k] for k in rng.integers(0, 3, int(packed.max()))]
    expected: dict[tuple[int, int], float] = {}
    for axis in range(3):
        area = float(np.prod(spacing)) / spacing[axis]
        low, high = np.moveaxis(packed, axis, 0)[:-1], np.moveaxis(packed, axis, 0)[1:]
        for a, b in zip(low.ravel().tolist(), high.ravel().tolist(), strict=True):
            if a and b and a != b and kinds[a - 1] != kinds[b - 1]:
                expected[min(a, b), max(a, b)] = expected.get((min(a, b), max(a, b)), 0.0) + area
    table = touches(runs(packed), pa.array(kinds, pa.string()), spacing)
    assert list(zip(table["source"].to_pylist(), table["target"].to_pylist(), strict=True)) == sorted(expected)
    np.testing.assert_allclose(table["contact_area"].to_numpy(), [expected[k] for k in sorted(expected)], rtol=1e-12)


def test_chunked_kinds_and_an_empty_scan() -> None:
    volume = np.array([[[1, 2, 2, 0, 3]]], np.int32)
    table = touches(runs(volume), pa.chunked_array([["pore"], ["inclusion", "pore"]]), (2.0, 3.0, 5.0))
    assert table.to_pylist() == [{"source": 1, "target": 2, "contact_area": 6.0}]
    assert touches(runs(np.zeros((2, 2, 2), np.int32)), pa.array([], pa.string()), (1.0, 1.0, 1.0)).num_rows == 0


def test_a_label_without_a_kind_is_named() -> None:
    with pytest.raises(InputError, match=r"label 3, but there are kinds for only 2"):
        touches(runs(np.array([[[1, 2, 3]]], np.int32)), pa.array(["pore", "pore"]), (1.0, 1.0, 1.0))
