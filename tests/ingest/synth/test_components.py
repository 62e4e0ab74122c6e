"""Truth of components, links and events against brute force on the volumes and on ellipsoids evaluated one by one."""

from __future__ import annotations

import cc3d
import numpy as np
import pytest

from xctgraph.ingest import synth
from xctgraph.ingest.synth import render, scene
from xctgraph.store.labels import Labels

CLEAN = {"blur": 0.0, "noise": 0.0}


def labelled(phase: np.ndarray) -> np.ndarray:
    """Components of one phase, numbered by their first voxel in C order."""
    labels = cc3d.connected_components(phase, connectivity=26)
    values, first = np.unique(labels.ravel(), return_index=True)
    values, first = values[values > 0], first[values > 0]
    rank = np.zeros(labels.max() + 1, np.int64)
    rank[values[np.argsort(first)]] = np.arange(1, len(values) + 1)
    return rank[labels]


def painted(made: scene.Scene, t: int, points: np.ndarray) -> np.ndarray:
    """Ids of scan `t`, each ellipsoid evaluated on the whole volume; the fractures voxel by voxel."""
    ids = np.zeros(made.spec.shape, np.int64)
    position, semi, defects = made.position(t), made.defects.size(t), made.defects
    alive, gone = defects.alive(t), made.swallowed <= t
    order = [*np.flatnonzero(alive & gone), *sorted(np.flatnonzero(alive & ~gone), key=lambda i: (defects.kind[i], i))]
    for fracture, id_ in zip(made.fractures.each, made.fracture_ids, strict=True):
        ids[fracture.contains(points, t) & (ids == 0)] = id_
    voxels = np.moveaxis(np.indices(made.spec.shape), 0, -1)
    for i in order:
        local = (voxels - position[i]) @ defects.axes[i].T / semi[i]
        inside = (local**2).sum(axis=-1) <= 1
        ids[inside & (ids == 0)] = made.swallowed_by[i] if gone[i] else i + 1
    return ids


def material(made: scene.Scene, t: int) -> np.ndarray:
    """Material point of every voxel of scan `t`."""
    voxels = np.moveaxis(np.indices(made.spec.shape), 0, -1).astype(float)
    return made.displacement.inverse(voxels.reshape(-1, 3), t).reshape(voxels.shape)


def test_components_are_those_of_the_clean_volume(make, phases) -> None:
    result = make(**CLEAN)
    truth = synth.read(result.truth).components.to_pandas()
    runs = synth.read(result.truth).labels
    for t in range(3):
        phase = phases(result, t)
        expected = labelled(phase)
        at = runs.filter(runs["t"].to_numpy() == t)
        assert np.array_equal(Labels.from_table(at, expected.shape).crop(0, 56, 0, 96, 0, 88), expected)
        rows = truth[truth.t == t].set_index("component")
        assert list(rows.index) == list(range(1, expected.max() + 1))
        for label, row in rows.iterrows():
            voxels = np.argwhere(expected == label)
            assert row.n_voxels == len(voxels)
            assert [row.vz, row.vy, row.vx] == pytest.approx(voxels.mean(axis=0))
            assert [row.first_z, row.first_y, row.first_x] == list(voxels[0])
            assert [row.bbox_z_min, row.bbox_y_min, row.bbox_x_min] == list(voxels.min(axis=0))
            assert [row.bbox_z_max, row.bbox_y_max, row.bbox_x_max] == list(voxels.max(axis=0) + 1)
            assert row.visible == (len(voxels) >= synth.VISIBLE_VOXELS)
            assert row.border_touching == bool(((voxels == 0) | (voxels == np.array(expected.shape) - 1)).any())
            bright = phase[tuple(voxels[0])] == 1
            assert (row.kind == "inclusion") == bright
        assert (rows.kind == "fracture").sum() >= 1


@pytest.mark.parametrize("fractures", [1, 2])
def test_painting_is_that_of_every_ellipsoid_evaluated_everywhere(seed: int, fractures: int) -> None:
    spec = synth.SynthSpec(shape=(32, 56, 48), features=20, steps=3, seed=seed, blur=0.5, fractures=fractures)
    made = scene.build(spec)
    for t in range(3):
        scan = render.prepare(made, t)
        inner = (slice(scan.halo, -scan.halo),) * 3
        points = material(made, t)
        ids, expected = render.paint(spec, scan, 0, 32)[inner], painted(made, t, points)
        different = ids != expected
        # The sheets are painted by column, with the motion of their middle: they may differ at their surface, and nowhere else.
        assert not (different & ~np.isin(ids, made.fracture_ids) & ~np.isin(expected, made.fracture_ids)).any()
        surface = [f.contains(points, t, 0.75) & ~f.contains(points, t, -0.75) for f in made.fractures.each]
        assert not (different & ~np.any(surface, axis=0)).any()


@pytest.mark.parametrize("fractures", [1, 2])
def test_links_join_components_that_share_a_defect(make, seed: int, phases, fractures: int) -> None:
    result = make(fractures=fractures, **CLEAN)
    made = scene.build(result.spec)
    links = synth.read(result.truth).links.to_pandas()
    components = synth.read(result.truth).components.to_pandas()
    sides = []
    for t in range(3):
        labels, ids = labelled(phases(result, t)), render.paint(made.spec, render.prepare(made, t), 0, 56)
        home = {int(i): int(np.bincount(labels[ids == i]).argmax()) for i in np.unique(ids[ids > 0])}
        for i in np.flatnonzero(made.defects.alive(t) & (made.swallowed <= t)):
            z, y, x = np.rint(made.position(t)[i]).astype(int)
            if 0 <= z < 56 and 0 <= y < 96 and 0 <= x < 88:
                home[int(i) + 1] = int(labels[z, y, x])
        sides.append(home)
    for t in range(2):
        now, later = sides[t], sides[t + 1]
        expected = {(now[i], later[i]) for i in now if i in later}
        rows = links[links.t == t]
        assert set(zip(rows.source, rows.target, strict=True)) == expected
        kind = components[components.t == t].set_index("component").kind
        kind_later = components[components.t == t + 1].set_index("component").kind
        for row in rows.itertuples():
            assert set(row.defects) == {i for i in now if i in later and (now[i], later[i]) == (row.source, row.target)}
            eaten = kind[row.source] != "fracture" and kind_later[row.target] == "fracture"
            assert (row.event == "swallowed") == eaten
            if not eaten and kind[row.source] != "fracture":
                children = sum(1 for s, e in expected if s == row.source and kind_later[e] != "fracture")
                parents = sum(1 for s, e in expected if e == row.target)
                assert row.event == ("split" if children > 1 else "merge" if parents > 1 else "continue")


def test_fractures_from_both_sides_merge_where_they_meet(make) -> None:
    result = make(shape=(96, 96, 88), fractures=3, fracture_end=1.4, **CLEAN)
    truth, made = synth.read(result.truth), scene.build(result.spec)
    assert [fracture.facing for fracture in made.fractures.each] == [1, -1, 1]
    home = {
        t: {id_: row.component for id_, row in rows.groupby("defect_id").first().iterrows() if id_ in made.fracture_ids}
        for t, rows in truth.features.to_pandas().groupby("t")
    }
    first, second, third = (int(id_) for id_ in made.fracture_ids)
    assert len(set(home[0].values())) == 3
    assert home[2][first] == home[2][second] != home[2][third]
    merging = next(t for t in (0, 1) if home[t][first] != home[t][second] and home[t + 1][first] == home[t + 1][second])
    links = truth.links.to_pandas()
    links = links[(links.t == merging) & (links.target == home[merging + 1][first]) & (links.event != "swallowed")]
    assert dict(zip(links.source, links.event, strict=True)).items() >= {(home[merging][id_], "merge") for id_ in (first, second)}
    merges = [set(row["defects"]) for row in truth.events.to_pylist() if row["event"] == "merge" and row["t"] == merging + 1]
    assert any({first, second} <= members for members in merges)
    # A front that has met the other is none any more, and one that is about to has no advance.
    front = truth.front.to_pandas()
    for number, mate in ((0, 1), (1, 0)):
        for t in range(3):
            rows = front[(front.t == t) & (front.fracture == number)]
            y, x = (rows[f"ref_{axis}"].to_numpy() / 1.63 for axis in "yx")
            assert (made.fractures.each[mate].behind(y, x, t) <= 0).all()
    assert set(front[front.t == 0].fracture) == {0, 1, 2}


def test_events_tell_what_was_drawn(make) -> None:
    # Deep enough for defects that stay in view to have room for what happens to them.
    result = make(shape=(96, 128, 128), features=200, steps=4, births=0.05, deaths=0.05, splits=0.03, merges=0.03)
    made = scene.build(result.spec)
    rows = synth.read(result.truth).events.to_pylist()
    found = {name: sorted((r["t"], *r["defects"]) for r in rows if r["event"] == name) for name in {r["event"] for r in rows}}
    defects = made.defects
    seen = {t: set() for t in range(4)}
    for row in synth.read(result.truth).features.to_pylist():
        seen[row["t"]].add(row["defect_id"])
    born = [(int(t), i + 1) for i, t in enumerate(defects.born) if t > 0 and i + 1 in seen[min(int(t), 3)]]
    assert found.get("birth", []) == sorted(born)
    assert len(found["split"]) >= 1
    assert len(found["merge"]) >= 1
    for event, jump in (("split", 1), ("merge", -1)):
        for t, *members in found[event]:
            apart = defects.apart[np.array(members) - 1]
            # Two lobes of a pair part, or come together, by a jump at that scan.
            assert (np.sign(apart[:, t] - apart[:, t - 1]) == jump).all()
    for t, i in found.get("swallowed", []):
        assert made.swallowed[i - 1] == t
        assert i in seen[t - 1]
        assert i not in seen[t]


def test_defects_keep_their_distance(seed: int) -> None:
    made = scene.build(synth.SynthSpec(seed=seed, steps=3, attached=0.0, splits=0.0, merges=0.0))
    defects = made.defects
    radius = defects.size(2).max(axis=1)
    offset = defects.centre[:, None] - defects.centre[None]
    gap = np.sqrt((offset**2).sum(axis=-1)) - radius[:, None] - radius[None]
    np.fill_diagonal(gap, np.inf)
    assert gap.min() >= 3.0
    within = ((defects.centre >= -0.5) & (defects.centre <= np.array(made.spec.shape) - 0.5)).all(axis=1)
    assert within.sum() == made.spec.features


def test_clusters_make_density_uneven(rng: np.random.Generator) -> None:
    seeds = rng.integers(0, 2**31, 5)

    def unevenness(clustering: float) -> float:
        """Variance over mean of the counts in cells: 1 for a Poisson process, mean over samples."""
        ratios = []
        for seed in seeds:
            made = scene.build(synth.SynthSpec(seed=int(seed), clustering=clustering, fractures=0, steps=1))
            cells, _ = np.histogramdd(made.defects.centre, bins=(4, 6, 6), range=[(0, n) for n in made.spec.shape])
            ratios.append(cells.var() / cells.mean())
        return float(np.mean(ratios))

    assert unevenness(0.0) < 1.25
    assert unevenness(0.9) > 1.5
