"""Whether features are spread evenly along an axis of the sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import chi2

from xctgraph.analysis.characterise.interval import FEWEST
from xctgraph.analysis.characterise.orientation import AXES
from xctgraph.analysis.characterise.scan import Scan
from xctgraph.analysis.density.window import Floats


def profile(scan: Scan, kind: str, axis: str) -> list[dict[str, Any]]:
    """Number density and volume fraction in each layer of blocks along an axis, and the number expected of an even spread."""
    number, volume, material = layers(scan, kind, axis)
    step, low = scan.blocks.edge[AXES[axis]], scan.blocks.low[AXES[axis]]
    rows = []
    for i, (n, v, m) in enumerate(zip(number.tolist(), volume.tolist(), material.tolist(), strict=True)):
        row: dict[str, Any] = {"t": scan.t, "kind": kind, "axis": axis, "from_um": low + i * step, "to_um": low + (i + 1) * step}
        row |= {"material_mm3": m / 1e9, "n": int(n), "n_expected": float(number.sum() * m / material.sum())}
        rows.append(row | {"density_per_mm3": 1e9 * n / m if m else np.nan, "volume_fraction": v / m if m else np.nan})
    return rows


def heterogeneity(scan: Scan, kind: str, axis: str, seed: int, n_draws: int) -> dict[str, Any]:
    """Dispersion of the layers' counts along an axis, against two nulls.

    X^2 = sum (O - E)^2 / E over layers, E in proportion to the material, and `dispersion_index` = X^2 over its degrees of
    freedom.

    - `p_poisson`: chi-squared. The null is complete spatial randomness; clusters alone reject it, without any trend.
    - `p_number`, `p_fraction`: the null is blocks without order. The residuals of the blocks from an even spread, scaled by the
      material in them, are dealt anew to the places of the blocks: clusters smaller than a block stay as they are, and only
      an order of blocks along the axis rejects. Of X^2 for numbers, of the same sum for volumes.
    """
    number, _, material = layers(scan, kind, axis)
    filled = material > 0
    n, freedom = int(number.sum()), int(filled.sum()) - 1
    row: dict[str, Any] = {"t": scan.t, "kind": kind, "axis": axis, "n_layers": freedom + 1, "n": n}
    row |= dict.fromkeys(("dispersion_index", "p_poisson", "p_number", "p_fraction"), float("nan"))
    if n < FEWEST or freedom < 1:
        return row
    expected = n * material[filled] / material.sum()
    square = float(((number[filled] - expected) ** 2 / expected).sum())
    row |= {"dispersion_index": square / freedom, "p_poisson": float(chi2.sf(square, freedom))}
    chosen = scan.of(kind)
    index = scan.block[chosen]
    for name, values in (("p_number", None), ("p_fraction", scan.values["volume"][chosen])):
        rng = np.random.default_rng([seed, scan.t, AXES[axis]])
        row[name] = _dealt(scan.blocks.sums(index, values), scan.blocks.material, AXES[axis], rng, n_draws)
    return row


def layers(scan: Scan, kind: str, axis: str) -> tuple[Floats, Floats, Floats]:
    """Number, volume and material of each layer of blocks along an axis."""
    chosen = scan.of(kind)
    index, shape = scan.block[chosen], scan.blocks.material.shape
    others = tuple(i for i in range(3) if i != AXES[axis])
    number, volume = scan.blocks.sums(index), scan.blocks.sums(index, scan.values["volume"][chosen])
    return tuple(v.reshape(shape).sum(axis=others) for v in (number, volume, scan.blocks.material))


def _dealt(value: Floats, material: Floats, axis: int, rng: np.random.Generator, n_draws: int) -> float:
    """P-value of the layers' residuals, blocks dealt anew."""
    m = material.reshape(-1)
    used = m > 0
    if used.sum() < FEWEST:
        return float("nan")
    root = np.sqrt(m[used])
    residual = (value[used] - value.sum() / m.sum() * m[used]) / root
    layer = np.broadcast_to(np.arange(material.shape[axis]).reshape([-1 if i == axis else 1 for i in range(3)]), material.shape)
    layer = layer.reshape(-1)[used]
    size = np.bincount(layer, m[used], minlength=material.shape[axis])

    def statistic(r: Floats) -> float:
        total = np.bincount(layer, r * root, minlength=len(size))
        return float((total[size > 0] ** 2 / size[size > 0]).sum())

    observed = statistic(residual)
    if not observed > 0:
        return 1.0
    as_large = sum(statistic(rng.permutation(residual)) >= observed * (1 - 1e-12) for _ in range(n_draws))
    return (1 + as_large) / (1 + n_draws)
