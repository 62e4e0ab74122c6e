"""How many of N picks each cluster gets."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.errors import InputError


def allocate(sizes: Sequence[int], n: int, *, least: int = 1, most: int | None = None) -> NDArray[np.int64]:
    """Picks per cluster: proportional to its size, within bounds.

    The share of cluster k is ``min(max(c * size_k, lower_k), upper_k)`` with ``lower_k = min(least, size_k)`` and
    ``upper_k = min(most, size_k)``; c is such that the shares add up to `n`. What is lost by rounding down goes to the largest
    remainders (Hamilton's method), at equal ones to the first cluster. Computed with fractions: no float decides a tie.

    Parameters
    ----------
    sizes
        Members of each cluster; an empty one gets nothing.
    n
        Picks in all.
    least, most
        Bounds of the picks of a cluster that has so many members; `most` None for no bound.

    Raises
    ------
    InputError
        If no allocation keeps the bounds.
    """
    bounds(least, most)
    lower = [min(least, size) for size in sizes]
    upper = [size if most is None else min(most, size) for size in sizes]
    if not sum(lower) <= n <= sum(upper):
        raise InputError(
            f"{n} picks cannot be spread over {sum(size > 0 for size in sizes)} clusters of {min(sizes, default=0)} to "
            f"{max(sizes, default=0)} members with {least} to {most if most is not None else 'any number'} each: these bounds "
            f"allow {sum(lower)} to {sum(upper)} picks. Change the number of picks, of clusters, or the bounds"
        )
    share = _shares(sizes, n, lower, upper)
    count = [int(value) for value in share]
    by_remainder = sorted(range(len(sizes)), key=lambda k: (count[k] - share[k], k))
    for k in by_remainder[: n - sum(count)]:
        count[k] += 1
    return np.array(count, np.int64)


def bounds(least: int, most: int | None) -> None:
    """Refuse bounds of the picks of a cluster that no number keeps.

    Raises
    ------
    InputError
        With both.
    """
    if least < 0 or (most is not None and most < max(1, least)):
        raise InputError(
            f"the picks of a cluster are bound to {least} to {most}: the lower bound is 0 or more, and the upper not below it"
        )


def _shares(sizes: Sequence[int], n: int, lower: list[int], upper: list[int]) -> list[Fraction]:
    """Water-filling: the sum of the shares grows piecewise linearly with c, with a bend where a cluster meets a bound."""

    def at(c: Fraction) -> list[Fraction]:
        return [min(max(c * size, Fraction(low)), Fraction(up)) for size, low, up in zip(sizes, lower, upper, strict=True)]

    bends = sorted(
        {Fraction(bound, size) for bounds in (lower, upper) for bound, size in zip(bounds, sizes, strict=True) if size}
    )
    below = Fraction(0)
    for bend in bends:
        if (total := sum(at(bend))) >= n:
            before = sum(at(below))
            return at(bend if total == before else below + (bend - below) * (n - before) / (total - before))
        below = bend
    return at(below)
