"""Lengths and voxel sizes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xctgraph.store import units
from xctgraph.store.errors import InputError

MICROMETRES = {"um": 1.0, "µm": 1.0, "μm": 1.0, "micrometer": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6, "angstrom": 1e-4}


@settings(deadline=None, max_examples=50)
@given(st.floats(1e-6, 1e6), st.sampled_from(sorted(MICROMETRES)), st.sampled_from(["", " ", "  "]))
def test_lengths_in_any_unit(value: float, unit: str, space: str) -> None:
    assert math.isclose(units.length_um(f"{value!r}{space}{unit}"), value * MICROMETRES[unit], rel_tol=1e-12)


@pytest.mark.parametrize("value", ["1.63um", "1.63 µm", "0.00163 mm", "1.630", 1.63, " 1.63 "])
def test_spellings(value: str | float) -> None:
    assert units.voxel_size_um(value) == pytest.approx((1.63, 1.63, 1.63), rel=1e-14)


@pytest.mark.parametrize("value", [[2, "1.6um", "1600 nm"], "2um, 1.6um, 1.6um", "[2, 1.6, 1.6]", (2.0, 1.6, 1.6)])
def test_one_length_per_axis(value: object) -> None:
    assert units.voxel_size_um(value) == pytest.approx((2.0, 1.6, 1.6), rel=1e-14)  # type: ignore[arg-type]  # what users write


@pytest.mark.parametrize(
    "value", ["5 apples", "3 s", "", "two", "1.63 um um", "1um +", "nan", "inf um", None, True, "__import__('os')"]
)
def test_what_is_no_length_is_named(value: object) -> None:
    with pytest.raises(InputError) as caught:
        units.length_um(value)  # type: ignore[arg-type]  # what users write
    assert repr(value) in str(caught.value)
    assert '"0.00163 mm"' in str(caught.value)


@pytest.mark.parametrize("value", ["1.63px", "1.63 pixel", "2 voxels"])
def test_pixels_are_named(value: str) -> None:
    with pytest.raises(InputError, match=f"{value!r} is in pixels, which have no length of their own: give a length such as"):
        units.voxel_size_um(value)


@pytest.mark.parametrize(
    "value", ["1 in", "2 furlong", "3 parsec", "2 * 3 um", "2 um + 1 um", "3 um**2", "1/2 um", "um", "1_0 um"]
)
def test_only_the_units_of_microscopes_are_lengths(value: str) -> None:
    with pytest.raises(InputError, match="is not a length"):
        units.length_um(value)


@pytest.mark.parametrize("value", [0, -1, "0um", "-1.63um", [1, 0, 1], float("nan"), math.inf, "1,-2,3"])
def test_voxel_sizes_are_above_zero_and_finite(value: object) -> None:
    with pytest.raises(InputError, match=r"not above 0|not finite"):
        units.voxel_size_um(value)  # type: ignore[arg-type]  # what users write


@pytest.mark.parametrize("value", [[1, 2], [], [1, 2, 3, 4], "1um,2um"])
def test_one_or_three_values(value: object) -> None:
    with pytest.raises(InputError, match="one length for all axes, or three for z, y, x"):
        units.voxel_size_um(value)  # type: ignore[arg-type]  # what users write
