"""The tables of a series, filled scan by scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from xctgraph.analysis.characterise import heterogeneity as along
from xctgraph.analysis.characterise.abundance import abundance, largest
from xctgraph.analysis.characterise.change import change, turnover
from xctgraph.analysis.characterise.displacement import displacement
from xctgraph.analysis.characterise.distribution import distribution, histogram
from xctgraph.analysis.characterise.interval import holm
from xctgraph.analysis.characterise.measures import MEASURES
from xctgraph.analysis.characterise.orientation import orientation, poles
from xctgraph.analysis.characterise.scan import Scan
from xctgraph.analysis.characterise.schemas import SCHEMAS

Row = dict[str, Any]
_TESTED = {"orientation": ("p",), "change": ("p",), "heterogeneity": ("p_poisson", "p_number", "p_fraction")}


@dataclass
class Series:
    """What is the same for every scan, and the rows found so far.

    Attributes
    ----------
    spacing
        Edges of a voxel, z, y, x, micrometres.
    load
        Axis of the load.
    """

    sample: str
    spacing: tuple[float, float, float]
    load: str
    kinds: Sequence[str]
    seed: int
    n_draws: int
    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in SCHEMAS})

    @property
    def voxel(self) -> float:
        """Volume of a voxel, cubic micrometres."""
        return float(np.prod(self.spacing))

    def add(self, scan: Scan) -> None:
        """What one scan shows."""
        rows, voxel = self.rows, self.voxel
        for kind in self.kinds:
            rows["abundance"].append(abundance(scan, kind, self.seed, self.n_draws))
            if not scan.of(kind).any():
                continue
            found = largest(scan, kind, self.sample, voxel)
            rows["largest"] += [found] if found else []
            for measure in MEASURES:
                rows["distributions"].append(distribution(scan, kind, measure, voxel))
                rows["histograms"] += histogram(scan, kind, measure)
            rows["orientation"].append(orientation(scan, kind, voxel, self.load))
            rows["poles"] += poles(scan, kind, voxel, self.load)
            for axis in dict.fromkeys(("z", self.load)):
                rows["profiles"] += along.profile(scan, kind, axis)
                rows["heterogeneity"].append(along.heterogeneity(scan, kind, axis, self.seed, self.n_draws))

    def add_next(self, earlier: Scan, later: Scan, links: pa.Table, fields: pa.Table) -> None:
        """What happened from one scan to the next; `links` and `fields` are NEXT and displacement between the two."""
        self.add_change(earlier, later)
        for kind in self.kinds:
            if earlier.of(kind).any() or later.of(kind).any():
                self.rows["turnover"].append(turnover(earlier, later, kind, links))
        self.rows["displacement"] += displacement(earlier, later, fields, self.spacing)

    def add_change(self, earlier: Scan, later: Scan) -> None:
        """The same features in two scans."""
        for kind in self.kinds:
            if earlier.of(kind).any() and later.of(kind).any():
                self.rows["change"] += change(earlier, later, kind, self.seed, self.n_draws)

    def tables(self) -> dict[str, pa.Table]:
        """All tables; every family of tests corrected for their number."""
        for name, columns in _TESTED.items():
            for column in columns:
                adjusted = holm(np.array([row[column] for row in self.rows[name]], np.float64))
                for row, value in zip(self.rows[name], adjusted.tolist(), strict=True):
                    row[f"{column}_adjusted"] = value
        return {name: _table(rows, SCHEMAS[name]) for name, rows in self.rows.items()}


def _table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    """Rows as Arrow; NaN is null."""
    columns = {f.name: [_plain(row[f.name]) for row in rows] for f in schema}
    return pa.table({f.name: pa.array(columns[f.name], f.type) for f in schema}, schema=schema)


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not np.isfinite(value) else value
