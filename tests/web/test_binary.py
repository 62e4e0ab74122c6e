"""The binary answers, read by a decoder of the test's own."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xctgraph.explorer.binary import pack


def unpack(data: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    found = {}
    for listed in header.pop("arrays"):
        # What a typed array in a browser needs: its offset is a multiple of its item size.
        offset, dtype = 4 + length + listed["offset"], np.dtype(listed["dtype"]).newbyteorder("<")
        assert offset % dtype.itemsize == 0
        found[listed["name"]] = np.frombuffer(data, dtype, listed["length"], offset)
    return header, found


TYPES = st.sampled_from([np.uint8, np.int32, np.uint32, np.float32, np.float64, ">f4", ">i4"])


@given(
    header=st.dictionaries(st.text(max_size=5).filter(lambda k: k != "arrays"), st.text(max_size=20)),
    columns=st.dictionaries(st.text(max_size=5), arrays.arrays(TYPES, st.integers(0, 30)), max_size=4),
)
def test_arrays_survive(header: dict[str, str], columns: dict[str, np.ndarray]) -> None:
    found, decoded = unpack(pack(header, columns))
    assert found == header
    assert list(decoded) == list(columns)
    for name, column in columns.items():
        np.testing.assert_array_equal(decoded[name], column)


def test_type_that_a_browser_has_not() -> None:
    with pytest.raises(AssertionError, match="int64"):
        pack({}, {"a": np.zeros(1, np.int64)})
