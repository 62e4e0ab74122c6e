"""Which slices train, which choose the best state, which test it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xctgraph.ingest.learning.annotated import Example
from xctgraph.store.errors import InputError

# The reference study: 95 slices.
SHARES = (85, 5, 5)


@dataclass(frozen=True)
class Split:
    """Names of slices; no annotated slice is in two of them, pseudo-labels only train."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def split(examples: Sequence[Example], shares: tuple[int, int, int] = SHARES, *, seed: int = 0, apart: int = 1) -> Split:
    """Divide slices at random, neighbours together.

    Parameters
    ----------
    examples
        Slices; those that are not annotated go to the training, unless a slice of validation or test is their neighbour.
    shares
        Of training, validation and test, in any unit. Each that is asked for gets at least one group of slices.
    apart
        Slices of one scan that are no farther than this in z look alike, and stay together; 0 treats all as strangers.

    Raises
    ------
    InputError
        If the shares are not valid, or there are fewer groups of annotated slices than parts.
    """
    if min(shares) < 0 or shares[0] == 0:
        raise InputError(f"split {shares}: shares of training, validation and test, as in 85/5/5; the first above 0")
    rng = np.random.default_rng([seed, 85])
    groups = _groups([example for example in examples if example.annotated], apart)
    asked = [k for k in range(3) if shares[k]]
    if len(groups) < len(asked):
        raise InputError(
            f"{len(groups)} groups of annotated slices that are no neighbours cannot be divided into {len(asked)} parts: "
            "annotate more slices, or give a split such as 1/0/0"
        )
    n = sum(map(len, groups))
    wanted = [n * share / sum(shares) for share in shares]
    parts: list[list[str]] = [[], [], []]
    order = [groups[k] for k in rng.permutation(len(groups))]
    for part in asked:
        parts[part] += order.pop()
    while order:
        lacking = [wanted[k] - len(parts[k]) if k in asked else -np.inf for k in range(3)]
        parts[int(np.argmax(lacking))] += order.pop()
    held = [example for example in examples if example.name in {*parts[1], *parts[2]}]
    parts[0] += [
        example.name for example in examples if not example.annotated and not any(_near(example, other, apart) for other in held)
    ]
    train, validation, test = (tuple(sorted(part)) for part in parts)
    return Split(train, validation, test)


def _groups(examples: Sequence[Example], apart: int) -> list[list[str]]:
    groups: list[list[str]] = []
    before: Example | None = None
    for example in sorted(examples, key=lambda one: (one.t, one.z)):
        if before is not None and _near(before, example, apart):
            groups[-1].append(example.name)
        else:
            groups.append([example.name])
        before = example
    return groups


def _near(a: Example, b: Example, apart: int) -> bool:
    return a.t == b.t and abs(a.z - b.z) <= apart and apart > 0
