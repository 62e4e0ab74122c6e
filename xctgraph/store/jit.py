"""A typed door to numba, so that kernels keep their signatures under mypy strict."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def njit(kernel: Kernel) -> Kernel:
    """Compile `kernel` on first call and keep the machine code on disk; the interpreter lock is released inside."""
    return cast("Kernel", numba.njit(cache=True, nogil=True, error_model="numpy")(kernel))
