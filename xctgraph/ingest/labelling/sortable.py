"""Numbers as unsigned integers of the same order and width, which sort byte by byte, without comparing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.few import insertion_sort
from xctgraph.store.jit import njit

Keys = NDArray[Any]
I64 = NDArray[np.int64]

# Below this size insertion is quicker than counting 256 values per byte.
_FEW = 24


def keys_of(values: NDArray[Any]) -> Keys:
    """Keys of integers or floating numbers: unsigned, of the same order; NaN lie beyond the infinities. May share memory."""
    kind, width = values.dtype.kind, values.dtype.itemsize
    bits = values.view(f"u{width}")
    sign = bits.dtype.type(1 << (8 * width - 1))
    if kind == "u":
        return bits
    keys: Keys = bits ^ sign if kind == "i" else np.where(bits & sign, ~bits, bits | sign)
    return keys


def values_of(keys: Keys, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Values that the keys stand for."""
    sign = keys.dtype.type(1 << (8 * keys.dtype.itemsize - 1))
    if dtype.kind == "u":
        return keys
    bits: Keys = keys ^ sign if dtype.kind == "i" else np.where(keys & sign, keys ^ sign, ~keys)
    return bits.view(dtype)


@njit
def sort(keys: Keys, scratch: Keys, count: I64) -> None:
    """Sort keys in place; `scratch` has room for as many, `count` for 256."""
    n = len(keys)
    if n <= _FEW:
        insertion_sort(keys)
        return
    for byte in range(keys.itemsize):
        shift = 8 * byte
        count[:] = 0
        for i in range(n):
            count[(keys[i] >> shift) & 255] += 1
        if count[(keys[0] >> shift) & 255] == n:
            continue
        total = 0
        for i in range(256):
            total, count[i] = total + count[i], total
        for i in range(n):
            digit = (keys[i] >> shift) & 255
            scratch[count[digit]] = keys[i]
            count[digit] += 1
        keys[:] = scratch[:n]
