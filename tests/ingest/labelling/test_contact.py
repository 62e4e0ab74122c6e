"""Faces shared by features, against a count over all pairs of neighbouring voxels."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings

from tests.ingest.labelling.oracles import Array, class_volumes, label_volume, painted
from xctgraph.ingest.labelling import contact_faces


@settings(deadline=None, max_examples=40)
@given(class_volumes(8))
def test_contact_faces_are_those_of_the_label_volume(classes: Array) -> None:
    labelled = label_volume({"classes": classes}, 2, connectivity=6)
    volume = painted(labelled)
    expected: Counter[tuple[int, int, int]] = Counter()
    for axis in range(3):
        first, second = (np.delete(volume, end, axis=axis) for end in (-1, 0))
        touching = (first != second) & (first != 0) & (second != 0)
        for a, b in zip(first[touching].tolist(), second[touching].tolist(), strict=True):
            expected[min(a, b), max(a, b), axis] += 1
    found = contact_faces(labelled.labels)
    pairs = list(zip(found.a.tolist(), found.b.tolist(), strict=True))
    assert pairs == sorted({key[:2] for key in expected})
    for axis, faces in enumerate((found.nz, found.ny, found.nx)):
        assert faces.tolist() == [expected[(*pair, axis)] for pair in pairs]
