"""What `analyze characterise` found: tables, what could not be computed, and a few sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

QUESTION = "What does the sample hold, and how does it change?"
CLEAR = 0.05


@dataclass(frozen=True)
class Characterisation:
    """Result of `characterise`.

    Attributes
    ----------
    sample, spacing
        The sample and the edges of its voxels, z, y, x, micrometres.
    load_axis
        The axis that directions are given against; z where the sample does not say.
    block_um
        Edges of the blocks of the last scan, z, y, x.
    revision, seed, n_draws
        What it was made from; draws of every bootstrap and permutation.
    tables
        By name: abundance, distributions, histograms, largest, orientation, poles, change, turnover, profiles, heterogeneity,
        displacement. Nulls are what is not known.
    notes
        What could not be computed, and why.
    """

    sample: str
    spacing: tuple[float, float, float]
    load_axis: str
    block_um: tuple[float, float, float]
    revision: int
    seed: int
    n_draws: int
    tables: dict[str, pa.Table]
    notes: tuple[str, ...]

    @property
    def scans(self) -> list[int]:
        """Scan indices, ascending."""
        return sorted(set(self.tables["abundance"]["t"].to_pylist()))

    @property
    def primary(self) -> dict[str, Any]:
        """The row of `abundance` of the most frequent kind in the last scan that has features."""
        rows = [row for row in self.tables["abundance"].to_pylist() if row["n"]]
        if not rows:
            return {}
        last = max(row["t"] for row in rows)
        return max((row for row in rows if row["t"] == last), key=lambda row: (row["n"], row["kind"]))

    @property
    def text(self) -> str:
        """A sentence for each kind of the last scan, and what changed since the first."""
        rows = self.tables["abundance"].to_pylist()
        lines = [self._holds(row) for row in rows if row["t"] == self.scans[-1] and row["n"]] or ["No scan holds a feature."]
        return "\n".join([*lines, *filter(None, (self._grew(row["kind"]) for row in rows if row["t"] == self.scans[-1]))])

    def to_dict(self) -> dict[str, Any]:
        """The primary result and the tables of moderate length as plain values."""
        one = self.primary
        known = one and one["fraction_low"] is not None
        return {
            "question": QUESTION,
            "sample": self.sample,
            "voxel_um": list(self.spacing),
            "load_axis": self.load_axis,
            "block_um": list(self.block_um),
            "seed": self.seed,
            "n_draws": self.n_draws,
            "primary": {
                "what": "volume fraction", "t": one.get("t"), "kind": one.get("kind"), "effect": one.get("volume_fraction"),
                "interval": [one["fraction_low"], one["fraction_high"]] if known else None, "p": None,
            },
            "tables": {name: table.to_pylist() for name, table in self.tables.items() if name not in ("histograms", "poles")},
            "notes": list(self.notes),
            "text": self.text,
        }  # fmt: skip

    def find(self, table: str, **wanted: object) -> dict[str, Any] | None:
        """The first row of a table with these values."""
        rows = self.tables[table].to_pylist()
        return next((row for row in rows if all(row[name] == value for name, value in wanted.items())), None)

    def _holds(self, row: dict[str, Any]) -> str:
        fraction = f"{100 * row['volume_fraction']:.3g} %"
        if row["fraction_low"] is not None:
            fraction += f" (95 % interval {100 * row['fraction_low']:.3g} to {100 * row['fraction_high']:.3g} %)"
        sizes = []
        for name, words in (("volume", "mean volume"), ("axis_major_length", "mean major axis")):
            found = self.find("distributions", t=row["t"], kind=row["kind"], measure=name)
            if found is not None and found["mean"] is not None:
                unit = found["unit"].replace("um", "µm").replace("^3", "³")
                sizes.append(f"{words} {found['mean_px']:.4g} {_many(found['unit_px'])} = {found['mean']:.4g} {unit}")
        return (
            f"Scan {row['t']}, {row['kind']}: {row['n']:,}, {row['density_per_mm3']:,.4g} per mm³, volume fraction {fraction}"
            + "".join(f"; {size}" for size in sizes)
            + "."
        )

    def _grew(self, kind: str) -> str:
        found = self.find("change", t=self.scans[0], t_later=self.scans[-1], kind=kind, measure="volume")
        if found is None or found["ratio_low"] is None:
            return ""
        p = found["p_adjusted"]
        verdict = "a change" if p is not None and p < CLEAR else "no clear change"
        return (
            f"{kind} followed from scan {found['t']} to {found['t_later']} ({found['n_matched']:,}): volume × "
            f"{found['ratio']:.4g} ({found['ratio_low']:.4g} to {found['ratio_high']:.4g}), {verdict} (p = {p:.3g}, corrected)."
        )


def _many(unit: str) -> str:
    return "voxels" if unit == "voxel" else unit
