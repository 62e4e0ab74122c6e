"""Identifiers: `feature_id = sample_no << 44 | t << 31 | label`, below 2^53 so that JavaScript can hold it."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.errors import InputError

LABEL_BITS = 31
SCAN_BITS = 44
MAX_LABEL = 2**LABEL_BITS - 1
MAX_T = 2 ** (SCAN_BITS - LABEL_BITS) - 1
MAX_SAMPLE_NO = 2 ** (53 - SCAN_BITS) - 1

Labels = TypeVar("Labels", int, NDArray[np.int64])


def scan_id(sample_no: int, t: int) -> int:
    """Identifier of scan `t` of a sample: the feature id of label 0.

    Raises
    ------
    InputError
        If `sample_no` is not in 0..511 or `t` not in 0..8191.
    """
    if not 0 <= sample_no <= MAX_SAMPLE_NO:
        raise InputError(f"sample number {sample_no} is out of range: a store holds samples 0 to {MAX_SAMPLE_NO}")
    if not 0 <= t <= MAX_T:
        raise InputError(f"scan index t = {t} is out of range: valid are 0 to {MAX_T}")
    return sample_no << SCAN_BITS | t << LABEL_BITS


def feature_id(sample_no: int, t: int, label: Labels) -> Labels:
    """Identifier of the feature (or features) with `label` in scan `t`; labels start at 1."""
    return scan_id(sample_no, t) + label


def unpack(identifier: int) -> tuple[int, int, int]:
    """Split a feature id into `(sample_no, t, label)`."""
    return identifier >> SCAN_BITS, (identifier >> LABEL_BITS) & MAX_T, identifier & MAX_LABEL


def uid(sample: str, t: int, label: int) -> str:
    """Human-readable identifier `sample/t/label`."""
    return f"{sample}/{t}/{label}"


def parse_uid(text: str) -> tuple[str, int, int]:
    """Split `sample/t/label`.

    Raises
    ------
    InputError
        If `text` does not have that form, or no feature can be called so.
    """
    sample, _, rest = text.partition("/")
    t, _, label = rest.partition("/")
    if not (sample and t.isdecimal() and label.isdecimal()):
        raise InputError(f"feature uid {_short(text)} is not of the form sample/t/label, as in 'S1/3/17'")
    # Numbers of thousands of digits are not converted.
    if max(len(t), len(label)) > 12 or int(t) > MAX_T or int(label) > MAX_LABEL:
        raise InputError(f"there is no feature {_short(text)}: t is at most {MAX_T} and a label at most {MAX_LABEL}")
    return sample, int(t), int(label)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
