"""How the sample as a whole deformed since its first scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import polar

Floats = NDArray[np.float64]

FEWEST = 8


@dataclass(frozen=True)
class Distortion:
    """Mean deformation from the first scan to scan `t`.

    Attributes
    ----------
    t : int
    strain : tuple of float
        Change of length over the length, of lines of the material that lay along z, y, x in the first scan; a rotation adds none.
    volume : float
        Change of volume over the volume.
    rotation : float
        Angle of the rotation, degrees.
    shift : tuple of float
        Mean displacement (z, y, x), um.
    uneven : float
        Root mean square of what the mean deformation leaves of the displacement, um.
    """

    t: int
    strain: tuple[float, float, float]
    volume: float
    rotation: float
    shift: tuple[float, float, float]
    uneven: float


def distortion(t: int, reference: Floats, position: Floats) -> Distortion | None:
    """Deformation gradient F of least squares between places in the first scan and in scan `t`; None for fewer than 8 points.

    The strains are |F e| - 1 along each axis e, the change of volume is det F - 1, and the rotation is that of the polar
    decomposition F = R U.

    Parameters
    ----------
    reference, position : (n, 3) float64, (z, y, x), um
        Where the fields put features in the first scan, and where they lie in scan `t`.
    """
    if len(reference) < FEWEST:
        return None
    about, moved = reference - reference.mean(axis=0), position - position.mean(axis=0)
    if np.linalg.matrix_rank(about) < 3:
        return None
    gradient = np.linalg.lstsq(about, moved, rcond=None)[0].T
    turn, _ = polar(gradient)
    z, y, x = (float(length) - 1 for length in np.linalg.norm(gradient, axis=0))
    sz, sy, sx = (float(u) for u in (position - reference).mean(axis=0))
    angle = np.rad2deg(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
    left = np.sqrt(((moved - about @ gradient.T) ** 2).sum(axis=1).mean())
    return Distortion(t, (z, y, x), float(np.linalg.det(gradient)) - 1, float(angle), (sz, sy, sx), float(left))
