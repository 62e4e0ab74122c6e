"""Displacement truth against the motion of painted defects; the fracture's front against geometry and density."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.interpolate import RegularGridInterpolator

from xctgraph.ingest import synth
from xctgraph.ingest.synth import scene
from xctgraph.ingest.synth.displacement import Displacement


def test_defects_move_with_the_displacement(make) -> None:
    result = make(
        shape=(72, 112, 104),
        features=110,
        median_voxels=120.0,
        splits=0.0,
        merges=0.0,
        pore_growth=0.0,
        voxel_size_um=(2.0, 1.5, 1.0),
        strain=0.06,
        field_voxels=1.5,
    )
    features = synth.read(result.truth).features.to_pandas()
    features = features[(features.kind != "fracture") & (features.n_voxels > 20)]
    field = synth.read(result.truth).displacement.to_pandas()
    spacing = np.array(result.spec.spacing)
    for t in range(2):
        at = field[field.t == t]
        axes = [np.unique(at[axis]) for axis in "zyx"]
        shape = [len(axis) for axis in axes]
        u = RegularGridInterpolator(axes, at[["uz", "uy", "ux"]].to_numpy().reshape(*shape, 3))
        now, later = (features[features.t == s].set_index("defect_id") for s in (t, t + 1))
        both = now.index.intersection(later.index)
        cut = np.zeros(len(both), bool)
        for side in (now, later):
            low = side.loc[both, ["bbox_z_min", "bbox_y_min", "bbox_x_min"]].to_numpy()
            high = side.loc[both, ["bbox_z_max", "bbox_y_max", "bbox_x_max"]].to_numpy()
            cut |= (low == 0).any(axis=1) | (high == np.array(result.spec.shape)).any(axis=1)
        whole = both[~cut]
        assert len(whole) > 40
        moved = later.loc[whole, ["z", "y", "x"]].to_numpy() - now.loc[whole, ["z", "y", "x"]].to_numpy()
        error = (moved - u(now.loc[whole, ["z", "y", "x"]].to_numpy())) / spacing
        # The centroid of the voxels of an ellipsoid is off by about a tenth of a voxel.
        assert np.median(np.abs(error)) < 0.25
        assert np.abs(np.median(error, axis=0)).max() < 0.15


def test_inverse_undoes_the_motion(seed: int, rng: np.random.Generator) -> None:
    spec = synth.SynthSpec(seed=seed, strain=0.1, field_voxels=2.0)
    motion = Displacement.draw(spec)
    points = rng.uniform(0, 1, (200, 3)) * spec.shape
    assert np.array_equal(motion.forward(points, 0), points)
    for t in range(spec.steps):
        assert np.abs(motion.forward(motion.inverse(points, t), t) - points).max() < 1e-5
        assert np.abs(motion.at(points, t)).max() <= motion.reach()


def test_affine_part_is_the_strain_asked_for(seed: int) -> None:
    spec = synth.SynthSpec(seed=seed, field_voxels=0.0, drift_voxels=0.0, strain=0.05, poisson=0.4)
    motion = Displacement.draw(spec)
    ends = np.array([[0.0, 0, 0], np.array(spec.shape) - 1.0])
    lengths = np.diff(motion.forward(ends, 4), axis=0)[0] / np.diff(ends, axis=0)[0]
    assert lengths == pytest.approx([1.05, 0.98, 0.98])


def test_ordinary_motion_stays_below_half_the_spacing(seed: int) -> None:
    made = scene.build(synth.SynthSpec(seed=seed, splits=0.0, merges=0.0, attached=0.0))
    points = made.defects.centre
    nearest = np.sort(np.linalg.norm(points[:, None] - points[None], axis=-1), axis=1)[:, 1]
    for t in range(4):
        step = made.displacement.forward(points, t + 1) - made.displacement.forward(points, t)
        assert np.linalg.norm(step - np.median(step, axis=0), axis=1).max() < nearest.min() / 2


@pytest.mark.parametrize("fracture", [0, 1])
def test_front_advances_along_its_normal(make, fracture: int) -> None:
    still = {"field_voxels": 0.0, "drift_voxels": 0.0, "strain": 0.0, "voxel_size_um": 1.0}
    result = make(shape=(64, 160, 144), fractures=2, fracture_end=0.7, **still)
    front = synth.read(result.truth).front.to_pandas()
    front = front[front.fracture == fracture]
    assert (np.sign(front.direction_x[front.site == front.site.max() // 2]) == 1 - 2 * fracture).all()
    for t in range(2):
        now = front[(front.t == t) & front.advance_um.notna()]
        later = front[front.t == t + 1].sort_values("site")[["y", "x", "site"]].to_numpy()
        # Nodes outside the volume are left out: only neighbours are joined.
        pieces = [np.linspace(a[:2], b[:2], 2000) for a, b in itertools.pairwise(later) if b[2] == a[2] + 1]
        assert np.linalg.norm(now[["direction_z", "direction_y", "direction_x"]].to_numpy(), axis=1) == pytest.approx(1.0)
        hits = 0
        for row in now.itertuples():
            crossings = []
            for piece in pieces:
                offset = piece - [row.y, row.x]
                aside = offset @ [row.direction_x, -row.direction_y]
                along = offset @ [row.direction_y, row.direction_x]
                crossings += list(along[1:][(np.sign(aside[1:]) != np.sign(aside[:-1])) & (along[1:] > -1e-3)])
            if crossings:
                hits += 1
                assert row.advance_um == pytest.approx(min(crossings), abs=0.05)
        assert hits > 0.5 * len(now)
    assert front[front.t == 2].advance_um.isna().all()


def test_fracture_is_as_open_as_the_truth_says(make, volume) -> None:
    result = make(shape=(64, 120, 120), blur=0.0, noise=0.0, features=0)
    surface = synth.read(result.truth).surface.to_pandas()
    dz, dy, dx = result.spec.spacing
    for t in range(3):
        grey = volume(result, t)
        dark = grey < np.bincount(grey.ravel()).argmax()
        rows = surface[surface.t == t]
        thickness = dark.sum(axis=0)[np.rint(rows.y / dy).astype(int), np.rint(rows.x / dx).astype(int)]
        # A whole number of voxels lies in the opening: it is off by less than one.
        assert np.abs(thickness - rows.opening_um / dz).max() < 1.0
        assert thickness.min() >= 2


def test_density_ahead_counts_the_half_ball(seed: int) -> None:
    made = scene.build(
        synth.SynthSpec(seed=seed, features=1200, voxel_size_um=(2.0, 1.0, 1.5), attraction_radius_um=30.0, fractures=2)
    )
    spacing, t = np.array(made.spec.spacing), 2
    number = 1
    fracture, density = made.fractures.each[number], made.density[t][number]
    points, normals = fracture.sites(t)[0], fracture.outward(t, made.spec.spacing)
    centre, volume = made.defects.position(t) * spacing, made.defects.volume(t) * spacing.prod()
    counted = made.present(t)
    rng = np.random.default_rng(seed)
    for site in range(0, len(points), 7):
        ball = rng.uniform(-30, 30, (40_000, 3))
        ball = ball[(ball @ normals[site] > 0) & ((ball**2).sum(axis=1) <= 900)]
        inside = scene.inside(points[site] + ball / spacing, made.spec.shape).mean()
        if np.isnan(density[site]):
            assert inside < 0.27
            continue
        offset = centre - points[site] * spacing
        near = counted & ((offset**2).sum(axis=1) <= 900) & (offset @ normals[site] > 0)
        expected = volume[near].sum() / (inside * 2 / 3 * np.pi * 30**3)
        # The generator looks at a lattice of an eighth of the radius: near a corner of the volume few of its points lie inside.
        assert density[site] == pytest.approx(expected, rel=0.12 if inside > 0.4 else 0.35, abs=1e-12)


def test_attraction_makes_the_front_seek_density(rng: np.random.Generator) -> None:
    seeds = rng.integers(0, 2**31, 24)

    def correlation(attraction: float) -> np.ndarray:
        found = []
        for seed in seeds:
            made = scene.build(synth.SynthSpec(seed=int(seed), features=1000, attraction=attraction))
            ranks = []
            for t in range(4):
                (fracture,) = made.fractures.each
                advance, density = fracture.advances(t, made.spec.spacing), made.density[t][0]
                use = np.isfinite(advance) & np.isfinite(density) & scene.inside(fracture.sites(t)[0], made.spec.shape)
                if np.ptp(density[use]) > 0:
                    ranks.append(stats.spearmanr(advance[use], density[use]).statistic)
            found.append(np.mean(ranks))
        return np.array(found)

    none, some, strong = correlation(0.0), correlation(0.3), correlation(2.0)
    assert abs(none.mean()) < 5 * none.std() / np.sqrt(len(seeds))
    assert none.mean() < some.mean() < strong.mean()
    assert strong.mean() > 0.4
