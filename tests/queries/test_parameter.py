"""Values of parameters, from Python and from text."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xctgraph.queries import Parameter, catalogue
from xctgraph.queries.parameter import UNBOUNDED
from xctgraph.store.errors import InputError, QueryError

WHOLE = Parameter("limit", "integer", "rows", default=20, minimum=1, maximum=100)
NUMBER = Parameter("volume_min", "number", "volume", unit="um^3", default=0.0, minimum=0, maximum=UNBOUNDED)
LENGTH = Parameter("gap_um", "length", "gap", unit="um", default=25.0, minimum=0)
TEXT = Parameter("by", "string", "rank", default="absolute", choices=("absolute", "relative"))
NEEDED = Parameter("t", "integer", "scan", minimum=0)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 100))
def test_whole_numbers_from_any_source(number: int) -> None:
    for given_ in (number, str(number), float(number), np.int64(number), f" {number} "):
        value = WHOLE.parse(given_)
        assert value == number
        assert type(value) is int


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 1e300))
def test_numbers_from_any_source(number: float) -> None:
    for given_ in (number, repr(number), np.float64(number)):
        value = NUMBER.parse(given_)
        assert value == number
        assert type(value) is float


@pytest.mark.parametrize(
    ("given_", "um"), [(25, 25.0), ("26", 26.0), ("25um", 25.0), ("0.5 mm", 500.0), ("30 µm", 30.0), (np.float32(2.5), 2.5)]
)
def test_lengths_take_units(given_: object, um: float) -> None:
    value = LENGTH.parse(given_)
    assert isinstance(value, float)
    assert math.isclose(value, um)


def test_none_is_the_default() -> None:
    assert WHOLE.parse(None) == 20
    with pytest.raises(QueryError, match="'t' is required: give a whole number, at least 0"):
        NEEDED.parse(None)


@pytest.mark.parametrize(
    ("parameter", "given_", "words"),
    [
        (WHOLE, 0, "limit = 0 is out of range: give a whole number, 1 to 100"),
        (WHOLE, "101", "1 to 100"),
        (WHOLE, "many", "limit = 'many' is not valid: give a whole number, 1 to 100"),
        (WHOLE, 2.5, "whole number"),
        (WHOLE, math.nan, "whole number"),
        (WHOLE, math.inf, "whole number"),
        (WHOLE, True, "whole number"),
        (WHOLE, [3], "whole number"),
        (NUMBER, "nan", r"a number in um\^3, at least 0"),
        (NUMBER, math.inf, r"a number in um\^3"),
        (NUMBER, -1, "out of range"),
        (NUMBER, True, r"a number in um\^3"),
        (LENGTH, "25 s", "a length in um, or with a unit as in '25 um', at least 0"),
        (LENGTH, -0.1, "out of range"),
        (LENGTH, "-1um", "out of range"),
        (LENGTH, True, "a length in um"),
        (TEXT, "relatve", "did you mean 'relative'.*absolute, relative"),
        (TEXT, 3, "'absolute' or 'relative'"),
    ],
)
def test_wrong_values_are_named_with_what_is_valid(parameter: Parameter, given_: object, words: str) -> None:
    with pytest.raises(QueryError, match=words) as caught:
        parameter.parse(given_)
    assert parameter.name in str(caught.value)


def test_an_integer_too_large_for_any_engine_is_refused() -> None:
    with pytest.raises(QueryError, match="feature_id"):
        catalogue["neighbours"].parse({"feature": 2**63})


@pytest.mark.parametrize("query", catalogue.values(), ids=list(catalogue))
def test_defaults_are_valid_when_given_as_text(query: object) -> None:
    for parameter in query.parameters:  # type: ignore[attr-defined]  # a Query
        if not parameter.required:
            assert parameter.parse(str(parameter.default)) == parameter.default


def test_unknown_and_missing_parameters_are_named() -> None:
    with pytest.raises(QueryError, match="no parameter 'limt'; did you mean 'limit'"):
        catalogue["largest-features"].parse({"t": 0, "limt": 3})
    with pytest.raises(QueryError, match="parameter 't' is required"):
        catalogue["largest-features"].parse({})
    assert issubclass(QueryError, InputError)
