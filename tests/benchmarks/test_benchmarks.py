"""The benchmarks run, small, and compare equal results."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tifffile

from benchmarks import (
    accuracy,
    appending,
    bolt,
    clouds,
    cluster,
    displacement,
    forecast,
    four_commands,
    fronts,
    growth_grey,
    labelling,
    learning,
    linking,
    out_of_core,
    prediction,
    pseudolabel,
    sampling,
    scale,
    snapshots,
    splitting,
)
from benchmarks.__main__ import report
from benchmarks.series import Series
from tests.conftest import forget_sockets, skip_unless_required, wipe_neo4j
from xctgraph.store import neo4j_server, open_store


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


def test_links_are_told_by_displacement_and_by_size(seed: int, tmp_path: Path) -> None:
    rows = displacement.against_displacement(1000, seed, (3.0, 20.0))
    found = displacement.curves(rows)
    assert len(found) == 11
    near, far = zip(*found[linking.OURS], strict=True)
    assert near[0] < 0.5
    assert near[1] > 0.6
    assert min(far) > 0.9
    raw = found[f"mutual nearest neighbours, {linking.RAW}"]
    assert raw[0][1] > 0.9
    assert raw[1][1] < 0.8, "without a field links are lost as the displacement nears the spacing"
    assert displacement.table(rows).count("\n") == 12
    displacement.draw(rows).savefig(tmp_path / "f.png")
    made = clouds.cloud(500, np.cbrt(500 / linking.DENSITY), clouds.Motion(smooth=3), seed)
    sizes = displacement.recall_by_size(500, [seed], clouds.Motion(smooth=3))
    assert sum(n for n, _ in sizes) == len(made.links)
    assert sum(n * share for n, share in sizes if n) > 0.95 * len(made.links)


def test_spheres_that_touch_are_told_apart_where_the_neck_is_narrow(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert [splitting.split(splitting.pair(1000, neck, rng)) for neck in (0.3, 0.95)] == [2, 1]
    assert "| 100 (2.9) |" in splitting.page((100,), 2, seed, 48)


def test_a_series_goes_through_every_stage(seed: int, tmp_path: Path) -> None:
    page = scale.run(tmp_path / "run", Series(300, 4, seed), neo4j=False)
    assert "F1 0.99" in page or "F1 1.0" in page
    for words in ("the last scan into Ladybug", "| counts-and-volume-fraction | 12 |", "| by hand: neighbours |"):
        assert words in page


def test_one_volume_goes_through_everything(seed: int, tmp_path: Path) -> None:
    row = scale.true_volume(tmp_path, (64, 96, 96), seed)
    volume, *numbers = (cell.strip() for cell in row.strip("|").split("|"))
    assert volume.startswith("96 x 96 x 64 uint8")
    seconds, _, features, near, memory, _ = (float(number.replace(",", "")) for number in numbers)
    assert min(seconds, features, near, memory) > 0


def test_workers_of_a_cluster_come_to_the_same_rows(seed: int) -> None:
    one, two = cluster.runs((32, 64, 64), 2, 1, seed, share=0.02)
    forget_sockets()
    assert one.n_features == two.n_features > 0
    assert cluster.markdown([one, two], 1).count("\n") == 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # sockets that py2neo leaves open
def test_every_way_loads_the_same_over_bolt(seed: int) -> None:
    lacking = neo4j_server.missing_tool()
    if lacking:
        skip_unless_required("REQUIRE_NEO4J", lacking)
    loads, reads = bolt.run(Series(100, 2, seed), heap="600m")
    forget_sockets()
    assert len({row.count for row in loads}) == 1
    assert len({row.count for row in reads}) == 1
    assert loads[0].count > 600
    assert "py2neo" in bolt.section(loads, reads)


def test_snapshots_and_engines_give_the_same_counts(seed: int, tmp_path: Path, neo4j_uri: str) -> None:
    pytest.importorskip("torch")
    wipe_neo4j(neo4j_uri)
    with open_store(tmp_path / "s", create=True) as store:
        snapshots.fill(store, 2, 150, 4, seed)
        store.project(statistics=False)
        with snapshots.neo4j_of(store, neo4j_uri) as ask:
            counts = {snapshots.read(store), snapshots.tensors(store), snapshots.ladybug(store), ask()}
        assert counts == {(300, store.manifest().rows("near"))}
    forget_sockets()


def test_sampling_is_timed_and_finds_what_the_peer_finds(seed: int) -> None:
    x, labels = sampling.mixture(900, 60, seed)
    assert "passes" in sampling.markdown(sampling.passes(x, labels, 30))
    rows = sampling.methods(x, 10, peers=True)
    assert [name.split(",")[0] for name, _, _ in rows] == [
        "TypiClust",
        "ProbCover",
        "TypiClust",
        "ProbCover of that radius",
    ]
    same = int(rows[-1][2].split("; ")[1].split(" of ")[0])
    assert same >= 3, "ties are broken at random there"
    assert all("images/s" in remark for _, _, remark in sampling.embedding(17, 40))


def test_pseudo_labels_are_scored_against_the_truth(seed: int, tmp_path: Path) -> None:
    made = list(
        pseudolabel.scans(tmp_path / "s", **pseudolabel.ARTEFACTS, noise=0.125, shape=(48, 96, 96), features=80, seed=seed)
    )
    found = pseudolabel.compared(made, seed=seed)
    (_, usual), (ms, ours) = found["multi-Otsu"], found["pseudolabel"]
    assert ms > 0
    assert ours["inclusion"].object_f1 > 0.7 > 3 * usual["inclusion"].object_f1
    assert sum("sought on 12 slices" in name for name in found) == 1
    page = pseudolabel.table({"slices": found})
    assert page.count("\n") == 1 + 3 * len(found)
    rng = np.random.default_rng(seed)
    stack = rng.normal(100, 5, (12, 48, 48)).astype(np.float32)
    stack[:, 10:20, 10:14] -= 60
    tifffile.imwrite(tmp_path / "c.tif", stack)
    assert "| pseudolabel | pore |" in pseudolabel.cement(tmp_path / "c.tif", seed)


def test_a_large_fracture_grows_among_defects_and_is_tested(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    shape = (160, 360, 300)
    (now, later), features = fronts.scans(shape, 160.0, 900, seed)
    assert (later.at_voxels(now.voxels(1)) == 1).all()
    assert later.counts[1:].sum() - now.counts[1:].sum() == len(later.voxels(1)) - len(now.voxels(1)) > 0
    found = fronts.run(shape, 160.0, 900, seed=seed, draws=19)
    assert features["kind"].to_pylist().count("fracture") == 1
    assert now.n == later.n == features.num_rows > 150
    assert found.primary.n_sites > 20
    assert f"{features.num_rows - 1} defects" in capsys.readouterr().out


def test_growth_through_grey_volumes(seed: int, tmp_path: Path) -> None:
    made = replace(growth_grey.spec(seed, 0.0), shape=(40, 128, 128), features=150, steps=4)
    found = growth_grey.one(made, tmp_path, shifts=99)
    assert found is not None
    assert 0 < found.shift <= 1
    assert "1 samples" in growth_grey.table([found])


def test_forecast_reads_samples_of_the_generator(tmp_path: Path, seed: int) -> None:
    pytest.importorskip("sklearn")
    with open_store(tmp_path / "xct.store", create=True) as store:
        forecast.fill(store, 3, 2.0, seed)
        found = forecast.forecast(store, targets=("advanced",), split="sample", repeats=1, n_draws=99, networks=False)
    table = forecast.table(found)
    assert len(re.findall(r"^\| (?:distance|place|density|trees) \| 0\.\d+", table, re.MULTILINE)) == 4


def test_learned_masks_are_compared_with_classical_ones_on_the_same_slices(seed: int) -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    size = learning.Size((32, 64, 64), 40, 30, 4, (6,), 2)
    found = dict(learning.run({"plain": learning.DIFFICULTIES["noise 0.125"]}, size, seed))
    (ways,) = {tuple(one) for one in found["plain"]}
    assert set(ways) == {
        f"{way} 6{end}" for way in ("learned",) for end in ("", ", each slice", ", 2.5D", ", 2.5D, each slice")
    } | {"classical 6"}
    for one in found["plain"]:
        assert len({way.slices.shape for way in one.values()}) == 1
        # Pixels right and missed are those of the truth, whatever the way; so are the objects.
        for part in ("slices", "volumes"):
            truths = [getattr(way, part) for way in one.values()]
            for right, missed in ((0, 2), (3, 5)):
                assert len({int((part_[..., right] + part_[..., missed]).sum()) for part_ in truths}) == 1
    assert learning.f1(np.array([3, 1, 1, 2, 0, 2])).tolist() == [6 / 8, 4 / 6]
    assert learning.table(found).count("| plain |") == 3
    assert learning.along_z(found, size).count("| plain |") == 6


def test_runtimes_give_the_same_masks_and_memory_is_measured(seed: int, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    torch.set_num_threads(1)
    model, test = prediction.trained(tmp_path, prediction.small_spec(20), seed, (32, 64, 64), 40)
    rows = prediction.runtimes(tmp_path, model, test, 1)
    assert [row.what for row in rows] == ["torch f32", "ONNX Runtime f32", "OpenVINO f32", "OpenVINO bf16"]
    assert all(row.unlike < 1e-3 for row in rows[:3])
    assert all(row.seconds > 0 for row in rows)
    assert prediction.peak_mb(tmp_path, tmp_path / "model" / "model.pt", 32, seed) > 50


def test_four_commands_lead_from_annotated_slices_to_features_held_against_the_truth(tmp_path: Path) -> None:
    """One series: trained so briefly, on some others the network calls everything a fracture."""
    pytest.importorskip("torch")
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    assert "\n".join(f"$ {line}" for line in four_commands.COMMANDS) in page
    four_commands.annotate(tmp_path, 8, shape=(32, 72, 72), steps=2, features=50, noise=0.125, seed=1)
    options = "--encoder none --width 8 --loss dice+ce --crop 64 --aimed 0.8 --rate 0.001 --steps 150"
    ours, otsu = four_commands.run(tmp_path, options)
    print(four_commands.markdown([("easy", ours), ("easy", otsu)]))
    assert ours.features.n_truth == otsu.features.n_truth > 20
    assert ours.features.f1 > 0.3
    assert ours.of_kind.right <= ours.features.right
