"""Arrays for the browser: a JSON header and little-endian typed arrays, which JavaScript reads without copying.

Layout: uint32 length of the header; the header, JSON in UTF-8, padded with spaces so that what follows starts at a multiple of
eight bytes; each array, padded likewise. `header["arrays"]` lists name, dtype, offset from the start of the first array, and
length.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEDIA = "application/octet-stream"
_DTYPES = ("uint8", "int32", "uint32", "float32", "float64")


def pack(header: Mapping[str, object], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Bytes of the header and the arrays, which are sent flat, in C order."""
    listed, chunks, offset = [], [], 0
    for name, array in arrays.items():
        dtype = array.dtype.name
        assert dtype in _DTYPES, dtype  # noqa: S101  # what JavaScript has a typed array for
        data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        listed.append({"name": name, "dtype": dtype, "offset": offset, "length": array.size})
        chunks += [data, bytes(-len(data) % 8)]
        offset += len(data) + -len(data) % 8
    text = json.dumps({**header, "arrays": listed}, ensure_ascii=False, allow_nan=False).encode()
    text += b" " * (-(4 + len(text)) % 8)
    return b"".join([len(text).to_bytes(4, "little"), text, *chunks])
