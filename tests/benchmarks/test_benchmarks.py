"""The benchmarks run, small, and compare equal results."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks import accuracy, appending, clouds, labelling, linking, out_of_core, splitting
from benchmarks.__main__ import report


@pytest.mark.parametrize("voxels", [25, 180])
def test_peers_find_the_same_components(voxels: int, seed: int) -> None:
    volume = labelling.scene(64, seed, voxels)
    for rows in (
        labelling.labelling_only(volume, 1),
        labelling.all_properties(volume, 1)[:-1],
        labelling.surfaces(volume, 1),
    ):
        assert len({row.found for row in rows}) == 1
        assert rows[0].found > 0


def test_slabs_find_the_same_components(seed: int, tmp_path: Path) -> None:
    out_of_core.write_volume(tmp_path / "v.h5", (300, 40, 50), seed, voxels=25, share=0.02, compressed=True)
    ours, two, cc3d, read = out_of_core.runs(tmp_path / "v.h5", 1)
    assert ours.found == two.found == cc3d.found > 100
    assert read.found == 0
    assert "cc3d slabs" in out_of_core.markdown([ours, cc3d])


def test_the_page_is_written(seed: int) -> None:
    page = report(48, 1, seed, 2, 30, large=False)
    for words in ("xctgraph `label` + `measure`", "SimpleITK, increment", "fast-regionprops", "Out of core"):
        assert words in page


def test_measures_of_large_bodies_are_close_to_the_truth(seed: int) -> None:
    for body in accuracy.BODIES:
        for name, (bias, scatter) in accuracy.errors(body, 20_000, 3, seed).items():
            assert abs(bias) < (0.15 if name == "feret_diameter_min" else 0.05), (body.name, name, bias, scatter)


def test_the_page_of_accuracies_is_written(seed: int) -> None:
    assert "| 20 |" in accuracy.page((20,), 2, seed)


def test_appending_is_timed_and_links_what_it_appends(seed: int) -> None:
    rows = appending.run((24, 48, 48), 40, 4, seed)
    assert [row.t for row in rows] == [0, 1, 2, 3]
    assert all(later.n_edges > before.n_edges for before, later in pairwise(rows))
    assert appending.growth(rows) > 0
    assert appending.markdown(rows).count("\n") == 4


def test_links_are_scored_against_the_truth_for_every_method(seed: int) -> None:
    motion = clouds.Motion(smooth=4, drift=(3, 0, 0))
    made = clouds.cloud(1500, 200, motion, seed)
    assert clouds.score(made.links, made) == (1.0, 1.0)
    assert clouds.score(made.links[::2], made)[0] == pytest.approx(2 / 3, abs=0.01)
    children, parents = (np.bincount(made.links[:, end], minlength=1) for end in (0, 1))
    assert (children.max(), parents.max()) == (2, 2)
    # One of a pair may lie outside the volume.
    assert made.of_event.sum() >= 2 * ((children == 2).sum() + (parents == 2).sum()) > 0
    rows = linking.run(600, seed, {linking.SMALL: motion})
    assert len(rows) == 11
    assert rows[0].f1 > 0.95
    assert all(0.5 < row.f1 <= 1 for row in rows[1:])


def test_spheres_that_touch_are_told_apart_where_the_neck_is_narrow(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert [splitting.split(splitting.pair(1000, neck, rng)) for neck in (0.3, 0.95)] == [2, 1]
    assert "| 100 (2.9) |" in splitting.page((100,), 2, seed, 48)
