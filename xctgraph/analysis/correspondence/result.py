"""What `analyze correspondence` found, in numbers, in words and in a figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from xctgraph.analysis.correspondence.distortion import Distortion
from xctgraph.analysis.correspondence.figure import class_name, draw, total
from xctgraph.analysis.correspondence.pair import Pair
from xctgraph.ingest.correspondence.field import Field

QUESTION = "Are the scans linked as they should be, and how did the sample deform?"


@dataclass(frozen=True)
class Correspondence:
    """Result of `correspondence`.

    Attributes
    ----------
    sample : str
    pairs : tuple of Pair
        Each scan and the next one.
    distortions : tuple of Distortion
        Since the first scan, of each scan with places in its frame.
    shown : tuple of Pair and Field, or None
        The pair whose displacement field is drawn; None where no pair has one.
    """

    sample: str
    pairs: tuple[Pair, ...]
    distortions: tuple[Distortion, ...]
    shown: tuple[Pair, Field] | None

    @property
    def worst(self) -> Pair | None:
        """The pair with the largest `error`: links far from a field that did not know them; None if it is known of none."""
        known = [pair for pair in self.pairs if np.isfinite(pair.error)]
        return max(known, key=lambda pair: pair.error, default=None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """One for each pair in doubt."""
        return tuple(
            f"scans t = {pair.t} to {pair.t + pair.dt} are doubtful: {'; '.join(pair.doubts)}"
            for pair in self.pairs
            if pair.doubts
        )

    @property
    def text(self) -> str:
        """A sentence on the pairs, one on the sample, and the warnings."""
        return "\n".join(self._sentences())

    def _sentences(self) -> Iterator[str]:
        doubtful = len(self.warnings)
        yield f"{len(self.pairs)} pairs of scans of sample {self.sample}, {doubtful or 'none'} of them doubtful."
        if self.worst is not None:
            off = self.worst.error * self.worst.spacing
            yield (
                f"Links lie at most {off:.3g} µm (median, scans {self.worst.t} to {self.worst.t + self.worst.dt}) from where "
                f"their neighbours put them, {100 * self.worst.error:.0f} % of the distance between neighbours."
            )
        if self.distortions:
            last = self.distortions[-1]
            z, y, x = (100 * value for value in last.strain)
            yield (
                f"Up to scan {last.t} the sample was strained by {z:.2f} % along z, {y:.2f} % along y and {x:.2f} % along x, and "
                f"turned by {last.rotation:.2g}°."
            )
        yield from (f"Warning: {warning}" for warning in self.warnings)

    def lines(self) -> list[str]:
        """Residuals of each pair, and what has no link by size, as text."""
        found = ["scans     links  linked  confidence  median distance from the displacement / µm"]
        for pair in self.pairs:
            stages = ", ".join(f"{one.stage} {one.median:.3g}" for one in pair.residuals) or "no single links"
            sure = "-" if np.isnan(pair.confidence) else f"{pair.confidence:.3f}"
            linked = "-" if np.isnan(pair.linked) else f"{100 * pair.linked:.1f} %"
            found.append(f"{f'{pair.t} to {pair.t + pair.dt}':<8} {pair.n_links:>6} {linked:>7}  {sure:>10}  {stages}")
        found.append("without a link, by voxels: " + "; ".join(
            f"{class_name(one)}: {one.lost} of {one.n_earlier} lost, {one.new} of {one.n_later} new" for one in total(self.pairs)
            if one.n_earlier or one.n_later
        ))  # fmt: skip
        return found

    @property
    def figure(self) -> go.Figure:
        """Residuals, unlinked shares and strains; slices of the displacement field of one pair."""
        return draw(self.pairs, self.distortions, self.shown)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values; what is not known is null."""
        worst = self.worst
        return {
            "question": QUESTION,
            "sample": self.sample,
            "primary": {
                "effect": None if worst is None else worst.error, "interval": None, "p": None,
                "t": None if worst is None else worst.t,
            },
            "pairs": [
                {
                    "t": pair.t, "dt": pair.dt, "n_links": pair.n_links, "registered": pair.registered,
                    "spacing_um": _known(pair.spacing), "error": _known(pair.error), "linked": _known(pair.linked),
                    "confidence": _known(pair.confidence), "doubts": list(pair.doubts),
                    "residuals_um": [asdict(one) for one in pair.residuals], "sizes": [asdict(one) for one in pair.sizes],
                }
                for pair in self.pairs
            ],
            "distortion": [asdict(one) for one in self.distortions],
            "warnings": list(self.warnings),
            "text": self.text,
        }  # fmt: skip


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
