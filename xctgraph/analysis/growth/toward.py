"""Whether fractures extend toward regions of higher defect density: every test on one set of sites."""

from __future__ import annotations

from collections.abc import Mapping

from xctgraph.analysis.growth import nulls
from xctgraph.analysis.growth.companions import cosine, logistic
from xctgraph.analysis.growth.figure import excess
from xctgraph.analysis.growth.nulls import Material, Null
from xctgraph.analysis.growth.primary import prepare, primary
from xctgraph.analysis.growth.result import Counted, Growth
from xctgraph.analysis.growth.sensitivity import other_choices, scan_radii
from xctgraph.analysis.growth.sites import Floats, Sites

RADII = (0.6, 1.0, 1.5, 2.0)
"""Radii that are scanned, over that of the test."""
SHARES = (0.25, 0.75)
LAGS = (2, 3)


def radii(radius_um: float) -> list[float]:
    """Radii that are scanned where the test is at `radius_um`, this one among them."""
    return [factor * radius_um for factor in RADII]


def toward(
    sites: Sites,
    material: Material | None,
    *,
    sample: str,
    radius_um: float,
    threshold_um: float,
    share: float = 0.5,
    seed: int = 0,
    n_shifts: int = 1999,
    n_draws: int = 199,
    load: Floats | None = None,
    densities: Mapping[float, Floats] | None = None,
    counted: Counted = "spheres",
) -> Growth:
    """Whether fronts advance where the density ahead is high: the primary test, its companions, other nulls, other choices.

    Parameters
    ----------
    sites : Sites
        Their density is that of the test.
    material : Material, optional
        Defects around the fronts; without them there are no other nulls or gradients.
    sample : str
    radius_um : float
        Radius of the density of `sites`.
    threshold_um, share : float
        A site has advanced where it moved by at least `threshold_um`, and farther than `share` of a front that moved everywhere
        (`Sites.judged`).
    seed : int
    n_shifts, n_draws : int
        Shifts along the front, and draws of the other nulls.
    load : (3,) float, optional
        Unit vector of the load.
    densities : mapping, optional
        Density ahead (n,) of the sites by radius, by the same measure as theirs; where left out, that of `material`, and no
        radius but that of the test without it.
    counted : str
        That measure: "voxels" of the defects, or "spheres" of their volumes.

    Raises
    ------
    InputError
        If there are too few sites on fronts with contrast, the density is the same at all.
    """
    sites = sites.judged(threshold_um, share)
    ready = prepare(sites)
    tested = primary(sites, seed=seed, n_shifts=n_shifts)
    found = [Null("advance shifted", nulls.SHIFTED, tested.p, n_shifts)]
    if material is not None:
        draws = nulls.Draws(ready, material, radius_um)
        found += [nulls.redrawn(draws, seed, n_draws), nulls.toroidal(draws, seed, n_draws)]
    if densities is None:
        densities = {} if material is None else {r: material.ahead(sites, r) for r in radii(radius_um) if r != radius_um}
    at = {**densities, radius_um: sites.density}
    scan = scan_radii(sites, dict(sorted(at.items())), threshold_um, share, seed=seed, n_shifts=n_shifts)
    rules = [(factor * threshold_um, share, 1) for factor in (0.5, 2.0)]
    rules += [(threshold_um, other, 1) for other in SHARES]
    rules += [(threshold_um, share, lag) for lag in LAGS]
    return Growth(
        sample=sample,
        radius_um=radius_um,
        threshold_um=threshold_um,
        share=share,
        counted=counted,
        seed=seed,
        primary=tested,
        nulls=tuple(found),
        odds=tuple(logistic(ready, 2 * radius_um, load)),
        cosine=None if material is None else cosine(ready, material, radius_um, seed, n_shifts),
        radii=tuple(scan),
        choices=tuple(other_choices(sites, radius_um, rules, seed=seed, n_shifts=n_shifts)),
        excess=excess(ready, seed, n_shifts),
    )
