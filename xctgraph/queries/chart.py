"""A hint how to draw an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Chart:
    """One drawing of the rows: columns of the answer along x and y, and one that tells series or colour (empty: none).

    `bar` has a bar per row, `line` joins the rows of a series in their order, `scatter` has a point per row.
    """

    kind: Literal["bar", "line", "scatter"]
    x: str
    y: str
    colour: str = ""

    def __str__(self) -> str:
        return f"{self.kind}, x `{self.x}`, y `{self.y}`" + (f", colour `{self.colour}`" if self.colour else "")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it draws."""
        return tuple(name for name in (self.x, self.y, self.colour) if name)
