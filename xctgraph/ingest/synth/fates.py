"""What happens to some defects: they appear, vanish, split, merge, or have a pore come loose at a pole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from xctgraph.ingest.synth.defects import PORE, SMALLEST_GAP, Array, Defects, Ints, crowded_by_earlier, join, plain, take
from xctgraph.ingest.synth.spec import SynthSpec

SLOW_DRIFT = 0.3
NEAR_LOBES = 0.6
"""Half distance of two lobes that are one, over their radius."""
ATTACHED_RADIUS = 2.2


def decide(spec: SynthSpec, defects: Defects, bound: Array, calm: NDArray[np.bool_]) -> Defects:
    """Give fates to some defects; second lobes and attached pores are appended.

    As many get one as the shares of `spec` say, or fewer where too few have room: they keep the gap to all neighbours whatever
    happens to them.

    Parameters
    ----------
    bound : (n,) array
        Radii of the spheres about the defects.
    calm : (n,) array
        Which may get one: those away from the faces of the volume and from the fracture.
    """
    if spec.steps < 2 or not len(defects):
        return defects
    rng = spec.rng(_STAGE)
    round_radius = (3 * defects.volume(0) / (4 * np.pi)) ** (1 / 3)
    widest = round_radius + SMALLEST_GAP / 2 + 0.2 + SLOW_DRIFT * min(spec.steps, 6)
    free = calm.copy()

    lobed = _choose(rng, defects, bound, round_radius + widest, free, spec.share("splits") + spec.share("merges"))
    bound = bound.copy()
    bound[lobed] = (round_radius + widest)[lobed]
    free[lobed] = False
    hosts = _choose(rng, defects, bound, bound + 2 * ATTACHED_RADIUS, free & (defects.kind != PORE), spec.share("attached"))
    free[hosts] = False
    others = rng.permutation(np.flatnonzero(free))
    appearing, vanishing = np.split(others, [spec.share("births")])
    born, dies = defects.born.copy(), defects.dies.copy()
    born[appearing] = rng.integers(1, spec.steps, len(appearing))
    vanishing = vanishing[: spec.share("deaths")]
    dies[vanishing] = rng.integers(1, spec.steps, len(vanishing))
    defects = replace(defects, born=born, dies=dies)
    splits, merges = spec.share("splits"), spec.share("merges")
    defects, second = _lobes(rng, spec, defects, lobed, round(len(lobed) * splits / max(1, splits + merges)), round_radius)
    return join(join(defects, second), _attached(rng, spec, defects, hosts))


def _choose(rng: np.random.Generator, defects: Defects, bound: Array, wanted: Array, free: NDArray[np.bool_], count: int) -> Ints:
    """Choose up to `count` defects, at random, whose spheres can grow to the radii `wanted`."""
    tree = cKDTree(defects.centre)
    reach = wanted.max() + bound.max() + SMALLEST_GAP
    candidates: Ints = rng.permutation(np.flatnonzero(free))
    near = cKDTree(defects.centre[candidates]).sparse_distance_matrix(tree, reach, output_type="ndarray")
    own, other = candidates[near["i"]], near["j"]
    tight = (own != other) & (near["v"] < wanted[own] + bound[other] + SMALLEST_GAP)
    room = np.ones(len(defects), np.bool_)
    room[own[tight]] = False
    candidates = candidates[room[candidates]]
    if not len(candidates):
        return candidates
    apart: Ints = candidates[~crowded_by_earlier(defects.centre[candidates], wanted[candidates])]
    return apart[:count]


def _lobes(
    rng: np.random.Generator, spec: SynthSpec, defects: Defects, chosen: Ints, splits: int, radius: Array
) -> tuple[Defects, Defects]:
    """Turn the chosen into pairs of round lobes: the first `splits` part at a random scan, the others join."""
    n = len(chosen)
    when = rng.integers(1, spec.steps, n)[:, None]
    t = np.arange(spec.steps)[None]
    r = radius[chosen][:, None]
    wide = r + SMALLEST_GAP / 2 + 0.2
    parting = np.where(t < when, NEAR_LOBES * r, wide + SLOW_DRIFT * np.clip(t - when, 0, 6))
    joining = np.where(t < when, wide + SLOW_DRIFT * np.clip(when - 1 - t, 0, 6), NEAR_LOBES * r)
    direction = rng.normal(size=(n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    lobe, apart = defects.lobe.copy(), defects.apart.copy()
    semi, growth = defects.semi.copy(), defects.growth.copy()
    lobe[chosen] = direction
    apart[chosen] = np.where(np.arange(n)[:, None] < splits, parting, joining)
    semi[chosen] = r
    growth[chosen] = 1.0
    defects = replace(defects, lobe=lobe, apart=apart, semi=semi, growth=growth)
    second = take(defects, chosen)
    return defects, replace(second, lobe=-second.lobe)


def _attached(rng: np.random.Generator, spec: SynthSpec, defects: Defects, hosts: Ints) -> Defects:
    """Pores at the upper or lower pole, seen along the load, of the hosts."""
    n = len(hosts)
    axes, semi = defects.axes[hosts], defects.semi[hosts]
    # Support point of the ellipsoid along z: Σ a² (e·z) e over its extent sqrt(Σ a² (e·z)²).
    weight = semi**2 * axes[:, :, 0]
    extent = np.sqrt((semi**2 * axes[:, :, 0] ** 2).sum(axis=1, keepdims=True))
    pole = np.einsum("nk,nkd->nd", weight, axes) / extent
    pole[:, 0] += 0.7 * ATTACHED_RADIUS
    side = rng.choice([-1.0, 1.0], (n, 1))
    pores = plain(
        defects.centre[hosts] + side * pole,
        defects.axes[hosts],
        np.full((n, 3), ATTACHED_RADIUS),
        np.full(n, PORE),
        np.ones(n),
        spec.steps,
    )
    return replace(pores, born=rng.integers(0, spec.steps, n))


_STAGE = 4
