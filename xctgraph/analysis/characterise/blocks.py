"""The material of a scan in blocks: what resampling and profiles are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from xctgraph.analysis.characterise.interval import block_bootstrap
from xctgraph.analysis.density.window import Floats, Window

N_BLOCKS = 216


@dataclass(frozen=True)
class Blocks:
    """Equal boxes that fill the box of the material.

    Attributes
    ----------
    low, edge : (3,) float
        Low corner of the first block and edges of a block (z, y, x), micrometres.
    material : (nz, ny, nx) float
        Volume of material in each, cubic micrometres; its sum is that of the scan.
    """

    low: Floats
    edge: Floats
    material: Floats

    @classmethod
    def of(cls, window: Window, material_volume: float, edge_um: float | None = None) -> Self:
        """Blocks of about `edge_um`; left out, of such a size that about 216 (6 along each axis of a cube) hold the material.

        The edge is adapted along each axis so that whole blocks fill the box; cells of a mask go by their centre.
        """
        size = window.high - window.origin
        wanted = np.cbrt(window.volume / N_BLOCKS) if edge_um is None else edge_um
        shape = np.maximum(1, np.rint(size / wanted)).astype(np.int64)
        edge = size / shape
        if window.inside.all():
            material = np.full(shape, 1.0)
        else:
            cells = np.argwhere(window.inside)
            place = np.minimum(((cells + 0.5) * window.spacing / edge).astype(np.int64), shape - 1)
            material = np.bincount(np.ravel_multi_index(tuple(place.T), tuple(shape)), minlength=shape.prod()).reshape(shape)
        return cls(window.origin, edge, material * (material_volume / material.sum()))

    def index(self, points: Floats) -> NDArray[np.int64]:
        """Flat index (n,) of the block of each point (n, 3); points beyond the box belong to the nearest block."""
        shape = self.material.shape
        place = np.floor((points - self.low) / self.edge).astype(np.int64)
        place = np.clip(place, 0, np.array(shape) - 1)
        return np.asarray(np.ravel_multi_index(tuple(place.T), shape), np.int64)

    def sums(self, index: NDArray[np.int64], values: Floats | None = None) -> Floats:
        """Number of points in each block, or the sum of their values, flat."""
        return np.bincount(index, values, minlength=self.material.size).astype(np.float64)

    def coarser(self, values: Floats) -> Floats:
        """Sums over 2 x 2 x 2 blocks of one value for each block; flat."""
        grid = values.reshape(self.material.shape)
        for axis in range(3):
            grid = np.add.reduceat(grid, np.arange(0, grid.shape[axis], 2), axis=axis)
        return grid.reshape(-1)

    def ratio_interval(self, above: Floats, below: Floats, rng: np.random.Generator, n_draws: int) -> tuple[float, float]:
        """95 % interval of sum(above) / sum(below) of values for each block: the wider of those by blocks and by eight joined.

        Where clusters are larger than a block, the blocks are not independent and their interval is too narrow; that of larger
        blocks tells. NaN as in `block_bootstrap`.
        """
        fine = block_bootstrap(above, below, rng, n_draws)
        coarse = block_bootstrap(self.coarser(above), self.coarser(below), rng, n_draws)
        return coarse if coarse[1] - coarse[0] > fine[1] - fine[0] else fine
