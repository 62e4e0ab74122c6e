"""Intervals and corrections that every table shares."""

from __future__ import annotations

import numpy as np

from xctgraph.analysis.density.window import Floats

LEVEL = 0.95
FEWEST = 10


def block_bootstrap(above: Floats, below: Floats, rng: np.random.Generator, n_draws: int) -> tuple[float, float]:
    """95 % interval of sum(above) / sum(below), blocks drawn with replacement.

    Features close together are alike and come in clusters; a block carries them along together, which draws of single features
    would not (P. Hall, Resampling a coverage pattern, Stochastic Processes and their Applications 20, 231-246, 1985). The
    interval is that of the studentised ratio (bootstrap-t; A. C. Davison & D. V. Hinkley, Bootstrap Methods and their
    Application, section 5.2.1), whose variance is that of a ratio estimator: it allows for the skewness that a few large
    features make, which percentiles miss.

    Parameters
    ----------
    above, below : (n,) float
        One value for each block; blocks in which `below` is 0 are left out.

    Returns
    -------
    tuple of float
        NaN where fewer than 10 blocks have a value, or the ratio does not vary.
    """
    used = below > 0
    above, below = above[used], below[used]
    n = len(above)
    if n < FEWEST or n_draws <= 0:
        return np.nan, np.nan
    ratio, error = (float(value[0]) for value in _ratio(np.ones((1, n)), above, below))
    if not error > 0:
        return np.nan, np.nan
    drawn, spread = _ratio(rng.multinomial(n, np.full(n, 1 / n), n_draws).astype(np.float64), above, below)
    known = spread > 0
    low, high = np.quantile((drawn[known] - ratio) / spread[known], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return ratio - float(high) * error, ratio - float(low) * error


def _ratio(weight: Floats, above: Floats, below: Floats) -> tuple[Floats, Floats]:
    """Ratio and its standard error for each row of weights (m, n), as of a ratio estimator: residuals over the mean of below."""
    n = len(above)
    total = weight @ below
    ratio = weight @ above / total
    # Sum over blocks of w (a - r b)^2, multiplied out so that no (m, n) array of residuals is made.
    square = weight @ above**2 - 2 * ratio * (weight @ (above * below)) + ratio**2 * (weight @ below**2)
    return ratio, np.sqrt(np.maximum(square, 0.0) * n / (n - 1)) / total


def holm(p: Floats) -> Floats:
    """P-values corrected for their number (S. Holm, Scand. J. Statist. 6, 65-70, 1979); NaN is no test and stays."""
    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors)) if len(order) else []
    return adjusted
