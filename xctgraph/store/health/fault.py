"""One thing that is wrong with a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["manifest", "part", "rows", "projection", "leftover"]

FROM_BACKUP = "restore the store from a backup (`xctgraph restore`)"


@dataclass(frozen=True)
class Fault:
    """Where it is, what is wrong, and the remedy; `repairable` where `doctor --repair` is the remedy.

    `manifest`, `part` and `rows` faults are of the truth, which a repair never changes; `projection` and `leftover` are not.
    """

    kind: Kind
    where: str
    what: str
    remedy: str
    repairable: bool = False
