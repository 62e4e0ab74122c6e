"""What is measured of each feature, and what a voxel is to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xctgraph.analysis.density.window import Floats


@dataclass(frozen=True)
class Measure:
    """A value of each feature.

    Attributes
    ----------
    name
        Column of `features`; `aspect_ratio` and `nearest_gap` are made of others.
    title
        In words.
    unit
        As in the schema.
    power
        Power of a length: divided by the edge of a voxel to that power, a value is in voxels.
    """

    name: str
    title: str
    unit: str
    power: int

    @property
    def unit_px(self) -> str | None:
        """Unit of the value in voxels: px for lengths, voxel for volumes, none otherwise."""
        return {1: "px", 3: "voxel"}.get(self.power)

    @property
    def logarithmic(self) -> bool:
        """Whether its histogram has logarithmic bins."""
        return self.power > 0

    def voxels(self, voxel: float) -> float:
        """What one unit is in voxels of `voxel` cubic micrometres; NaN where it has none."""
        return float(np.cbrt(voxel)) ** -self.power if self.power else float("nan")


MEASURES = (
    Measure("volume", "volume", "um^3", 3),
    Measure("equivalent_diameter", "equivalent diameter", "um", 1),
    Measure("axis_major_length", "major axis", "um", 1),
    Measure("axis_intermediate_length", "intermediate axis", "um", 1),
    Measure("axis_minor_length", "minor axis", "um", 1),
    Measure("aspect_ratio", "minor over major axis", "1", 0),
    Measure("sphericity", "sphericity", "1", 0),
    Measure("nearest_gap", "gap to the nearest feature", "um", 1),
    Measure("local_density", "local density", "1", 0),
)
BY_NAME = {measure.name: measure for measure in MEASURES}
PER_DECADE = 10
STEP = 0.05


def bins(values: Floats, *, logarithmic: bool) -> tuple[Floats, Floats, Floats]:
    """Low edge, high edge and count of each bin that is not empty.

    Logarithmic bins are tenths of a decade, others 0.05 wide: the same in every scan and sample, so that histograms can be
    compared and added. What is not positive has no logarithm: it is counted from 0 to 0.
    """
    if not logarithmic:
        step, count = np.unique(np.floor(values / STEP + 1e-9), return_counts=True)
        return step * STEP, (step + 1) * STEP, count.astype(np.float64)
    positive = values[values > 0]
    step, count = np.unique(np.floor(np.log10(positive) * PER_DECADE + 1e-9), return_counts=True)
    low, high, n = 10 ** (step / PER_DECADE), 10 ** ((step + 1) / PER_DECADE), count.astype(np.float64)
    if len(positive) < len(values):
        low, high = np.concatenate([[0.0], low]), np.concatenate([[0.0], high])
        n = np.concatenate([[len(values) - len(positive)], n])
    return low, high, n
