from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from xctgraph.ingest.correspondence import displacement_at, to_reference
from xctgraph.ingest.correspondence.field import Field

seeds = st.integers(0, 2**32 - 1)


def random_field(rng: np.random.Generator, amplitude: float) -> Field:
    counts = rng.integers(2, 7, 3)
    z, y, x = (np.linspace(0, 100.0, int(n)) for n in counts)
    return Field((z, y, x), rng.uniform(-amplitude, amplitude, (*counts, 3)))


@settings(deadline=None, max_examples=25)
@given(seeds)
def test_fields_are_linear_between_and_beyond_their_nodes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    field = random_field(rng, 5.0)
    points = rng.uniform(-30, 130, (40, 3))
    expected = RegularGridInterpolator(field.axes, field.u, bounds_error=False, fill_value=None)(points)
    table = field.to_table()
    shuffled = table.take(pa.array(rng.permutation(table.num_rows)))
    np.testing.assert_allclose(displacement_at(shuffled, points), expected, atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(seeds)
def test_the_way_back_through_a_chain_of_fields_is_the_way_there(seed: int) -> None:
    rng = np.random.default_rng(seed)
    drift = rng.uniform(-15, 15, (3, 3))
    chain = []
    for shift in drift:
        field = random_field(rng, 0.7)
        chain.append(Field(field.axes, field.u + shift).to_table())
    start = rng.uniform(-10, 110, (30, 3))
    there = start
    for field in chain:
        there = there + displacement_at(field, there)
    np.testing.assert_allclose(to_reference(there, chain), start, atol=1e-6)
    assert np.abs(there - start).max() > 1


def test_no_fields_and_an_unregistered_pair() -> None:
    points = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(to_reference(points, []), points)
    known = Field.constant(np.full(3, 50.0), np.array([1.0, -2.0, 0.5])).to_table()
    np.testing.assert_allclose(to_reference(points, [known]), [[0.0, 4.0, 2.5]])
    assert np.isnan(to_reference(points, [known, known.slice(0, 0)])).all()
    assert np.isnan(displacement_at(known.slice(0, 0), points)).all()
    assert known.num_rows == 8
