"""What many queries share: common parameters, columns taken from the schema, and the packaged Cypher text."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

from xctgraph.queries.parameter import UNBOUNDED, Kind, Parameter
from xctgraph.store.table import Column, Table

SAMPLE = Parameter("sample", "string", "sample to look at", default="", default_meaning="all samples", role="sample")
KIND = Parameter("kind", "string", "kind of the features", default="", default_meaning="all kinds", role="kind")
SCAN = Parameter("t", "integer", "scan to look at", minimum=0, role="scan")
QUALITY = Parameter(
    "quality", "string", "any: all scans; sound: those that are not suspect", default="any", choices=("any", "sound")
)
FEATURE = Parameter("feature", "feature", "the feature", minimum=1, maximum=2**53 - 1, role="feature")
NEIGHBOUR_KIND = Parameter(
    "neighbour_kind", "string", "kind of the neighbours", default="", default_meaning="all kinds", role="kind"
)
BORDER = Parameter(
    "border",
    "string",
    "features that touch the border of the volume or sample, that do not, or both",
    default="any",
    choices=("any", "inside", "touching"),
)
ANY_SCAN = Parameter("t", "integer", "scan to look at", default=-1, default_meaning="all scans", minimum=0, role="scan")

VOLUME_MIN = Parameter(
    "volume_min",
    "number",
    "smallest volume before; keeps the relative growth of features of a few voxels out",
    "um^3",
    default=0.0,
    minimum=0,
    maximum=UNBOUNDED,
)


def limit(default: int) -> Parameter:
    """Largest number of rows."""
    return Parameter("limit", "integer", "largest number of rows", default=default, minimum=1, maximum=1_000_000_000)


def gap(name: str, meaning: str, default: float) -> Parameter:
    """Largest gap between surfaces; checked against the gap up to which NEAR edges are stored."""
    less = "or the gap up to which NEAR is stored (gap_um at ingest) where that is less"
    return Parameter(name, "length", meaning, "um", default, less, minimum=0, role="gap")


def bounds(column: Column, lowest: float = -UNBOUNDED) -> tuple[Parameter, Parameter]:
    """Smallest and largest value of a feature's column, both included and without bound by default."""
    kind: Kind = "length" if column.unit == "um" else "number"
    low = Parameter(f"{column.name}_min", kind, f"smallest {column.name}", column.unit, lowest, "no bound", lowest, UNBOUNDED)
    return low, replace(low, name=f"{column.name}_max", meaning=f"largest {column.name}", default=UNBOUNDED)


def of(table: Table, *names: str) -> tuple[Column, ...]:
    """Columns of a table of the schema, by name."""
    return tuple(table.column(name) for name in names)


def text(name: str) -> str:
    """Cypher text of the query `name`, from the package."""
    return (files("xctgraph.queries") / "library" / f"{name}.cypher").read_text(encoding="utf-8")
