"""What a column, a table and a derived relationship of the schema are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Type = Literal["int64", "int32", "float64", "bool", "string"]
KnownAt = Literal["t", "t+1", "end"]
Frame = Literal["", "voxel", "scan", "reference"]


@dataclass(frozen=True)
class Column:
    """One column: type, meaning, unit, frame, whether it may be null, and when its value becomes known.

    `kinds` are the kinds of feature that can have a value; None for all.
    """

    name: str
    type: Type
    meaning: str
    unit: str = ""
    frame: Frame = ""
    nullable: bool = False
    known_at: KnownAt = "t"
    in_graph: bool = True
    kinds: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Table:
    """One table. `node` is its label in the graph, `edge` its relationship type between `edge_from` and `edge_to`."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    node: str = ""
    edge: str = ""
    edge_from: str = ""
    edge_to: str = ""
    in_statistics: bool = True

    def column(self, name: str) -> Column:
        """Return the column `name`; `KeyError` if there is none."""
        return next(c for c in self.columns if c.name == name) if name in self.names else _no_column(self.name, name)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(c.name for c in self.columns)

    @property
    def graph_columns(self) -> tuple[Column, ...]:
        """Columns that become properties in the graph; of an edge table without its two ends."""
        return tuple(c for c in self.columns if c.in_graph and not (self.edge and c.name in ("source", "target")))


@dataclass(frozen=True)
class DerivedEdge:
    """A relationship made from two columns of a node table: one edge per row where both are not null."""

    name: str
    table: str
    source: str
    target: str
    edge_from: str
    edge_to: str
    meaning: str


def _no_column(table: str, name: str) -> Column:
    raise KeyError(f"table {table!r} has no column {name!r}")


def column(name: str, type_: Type, meaning: str, unit: str = "", frame: Frame = "", **rest: object) -> Column:
    """Make a `Column`, frames and units by position."""
    return Column(name, type_, meaning, unit, frame, **rest)  # type: ignore[arg-type]  # keywords of Column, passed through


def vector(prefix: str, meaning: str, unit: str, frame: Frame, **rest: object) -> tuple[Column, ...]:
    """Make the three columns of a vector, in the order z, y, x."""
    return tuple(column(f"{prefix}{axis}", "float64", f"{meaning}, {axis}", unit, frame, **rest) for axis in "zyx")
