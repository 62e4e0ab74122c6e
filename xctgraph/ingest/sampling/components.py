"""Leading principal components of the embeddings: short vectors whose distances never exceed those of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

N_LEADING = 64
_SAMPLE = 4096
_BLOCK = 8192


@dataclass(frozen=True)
class Components:
    """Embeddings with their leading components.

    Attributes
    ----------
    x : ndarray of float32, shape (n, d)
    centre : ndarray of float32, shape (d,)
    leading : ndarray of float32, shape (n, at most 64)
        About `centre`, on axes of unit length at right angles, found on a sample.
    norms : ndarray of float32, shape (n,)
        Their squared lengths.
    slack
        What a distance between leading components may exceed the true one by, for rounding.
    """

    x: NDArray[np.float32]
    centre: NDArray[np.float32]
    leading: NDArray[np.float32]
    norms: NDArray[np.float32]
    slack: float

    @classmethod
    def of(cls, x: NDArray[np.float32]) -> Self:
        """Find the axes on rows spread evenly, and project all."""
        some = x[:: max(1, len(x) // _SAMPLE)].astype(np.float64)
        centre = some.mean(axis=0).astype(np.float32)
        some -= centre
        axes = np.linalg.eigh(some.T @ some)[1][:, : -N_LEADING - 1 : -1].astype(np.float32)
        leading = np.concatenate([(x[start : start + _BLOCK] - centre) @ axes for start in range(0, len(x), _BLOCK)])
        norms = np.einsum("ij,ij->i", leading, leading)
        return cls(x, centre, leading, norms, 1e-5 * float(np.sqrt(norms.max())))

    def centred(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The `rows` of all columns, about the centre."""
        return np.asarray(self.x[rows], np.float32) - self.centre

    def lower_bounds(self, row: int) -> NDArray[np.float64]:
        """Distance of each from one, in the leading components."""
        difference = self.leading - self.leading[row]
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", difference, difference)), np.float64)

    def ball(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
        """Centre and radius of a ball about the leading components of the `rows`."""
        points = self.leading[rows]
        centre = points.mean(axis=0, dtype=np.float64)
        return centre, float(np.linalg.norm(points - centre, axis=1).max())
