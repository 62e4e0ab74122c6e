"""Exports for ParaView and napari, opened by the libraries that these stand on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests import factories
from tests.analysis import fronts
from tests.ingest.labelling.oracles import label_volume
from xctgraph.analysis import snapshots
from xctgraph.analysis.snapshots import napari as layers
from xctgraph.analysis.snapshots import vtk
from xctgraph.store import Job, Store, open_store


@pytest.fixture
def voxels(tmp_path: Path, rng: np.random.Generator) -> tuple[Store, list[NDArray[Any]]]:
    """A store whose features are boxes of voxels, the label volumes of its two scans, one larger than the other."""
    made = factories.graph(rng, n_scans=2, n_features=12)
    opened = open_store(tmp_path / "voxels.store", create=True)
    volumes = []
    for t, shape in enumerate([(20, 24, 30), (22, 24, 28)]):
        n = int((made["features"].t == t).sum())
        volume = np.zeros(shape, np.uint8)
        places = rng.permutation([(z, y, x) for z in range(0, 16, 4) for y in range(0, 20, 4) for x in range(0, 24, 4)])[:n]
        for z, y, x in sorted(map(tuple, places)):
            volume[z : z + 3, y : y + 2, x : x + rng.integers(1, 4)] = 1
        volumes.append(volume)
        made["scans"].loc[made["scans"].t == t, ["n_z", "n_y", "n_x"]] = shape
    factories.fill(opened, made)
    found = []
    with opened.write(Job("test", sample="S1")) as tx:
        for t, volume in enumerate(volumes):
            tx.put("label_runs", label_volume({"classes": volume}).labels.to_table(), sample="S1", t=t)
    for t, volume in enumerate(volumes):
        labels = opened.labels("S1", t)
        found.append(labels.crop(0, volume.shape[0], 0, volume.shape[1], 0, volume.shape[2]))
    return opened, found


def test_vtk_opens_in_pyvista(voxels: tuple[Store, list[NDArray[Any]]], tmp_path: Path) -> None:
    pyvista = pytest.importorskip("pyvista")
    store, volumes = voxels
    out = tmp_path / "out"
    vtk.write_vtk(store, snapshots.select(store), out)
    reader = pyvista.get_reader(out / "features.pvd")
    assert reader.time_values == [0.0, 60.0]
    for t, time in enumerate(reader.time_values):
        reader.set_active_time_value(time)
        points = reader.read()[0]
        rows = store.read("features", sample="S1", t=t).to_pandas().sort_values("feature_id")
        np.testing.assert_array_equal(points.points, rows[["x", "y", "z"]].to_numpy())
        for name in ("volume", "feature_id", "label", "intensity_mean", "euler_number"):
            np.testing.assert_array_equal(points.point_data[name], rows[name].to_numpy())
        kinds = np.array(points.field_data["kinds"])
        assert kinds[points.point_data["kind"]].tolist() == rows.kind.tolist()
        spread = np.array([[rows[c].to_numpy(float) for c in line] for line in fronts.COVARIANCE]).transpose(2, 0, 1)
        spread = spread + np.diag([4.0, 1.63**2, 1.63**2]) / 12
        tensors = np.asarray(points.point_data["ellipsoid"]).reshape(-1, 3, 3)[:, ::-1, ::-1]
        positive = np.linalg.eigvalsh(spread).min(axis=1) > 0
        np.testing.assert_allclose((tensors @ tensors)[positive], 20 * spread[positive], rtol=1e-9, atol=1e-9)
        near = store.read("near", sample="S1", t=t).to_pandas()
        lines = pyvista.read(out / "near" / f"S1_t{t:05d}.vtp")
        ends = lines.point_data["feature_id"][lines.lines.reshape(-1, 3)[:, 1:]]
        assert sorted(map(tuple, ends.tolist())) == sorted(zip(near.source, near.target, strict=True))
        np.testing.assert_array_equal(np.sort(lines.cell_data["gap"]), np.sort(near.gap))
        fractures = rows[rows.kind == "fracture"]
        mesh = pyvista.read(out / "fractures" / f"S1_t{t:05d}.vtp")
        for row in fractures.itertuples():
            part = mesh.extract_cells(np.asarray(mesh.cell_data["feature_id"]) == row.feature_id).extract_surface(algorithm=None)
            solid = np.argwhere(volumes[t] == row.label) * [2.0, 1.63, 1.63]
            half = np.array([1, 0.815, 0.815])
            low, high = solid.min(axis=0) - half, solid.max(axis=0) + half
            np.testing.assert_allclose(np.array(part.bounds)[[4, 2, 0, 5, 3, 1]], [*low, *high], rtol=1e-5, atol=1e-4)
            assert part.is_manifold
            assert 0 < part.volume < np.prod(high - low) * 1.001


def test_vtk_of_small_numbers(tmp_path: Path, rng: np.random.Generator) -> None:
    """Nothing is rounded, however small the sample is in micrometres."""
    pyvista = pytest.importorskip("pyvista")
    points = rng.normal(size=(5, 3)) * 1e-6
    text = vtk.polydata(points, {"Verts": np.arange(5)[:, None]}, {"v": points[:, 0]}, {}, {"words": ["naïve", "<&>"]})
    (tmp_path / "p.vtp").write_text(text, encoding="ascii")
    read = pyvista.read(tmp_path / "p.vtp")
    np.testing.assert_array_equal(read.points, points)
    np.testing.assert_array_equal(read.point_data["v"], points[:, 0])
    assert np.array(read.field_data["words"]).tolist() == ["naïve", "<&>"]


@pytest.mark.parametrize("labels", [True, False], ids=["labels", "tables"])
def test_layers_open_in_napari(voxels: tuple[Store, list[NDArray[Any]]], tmp_path: Path, labels: bool) -> None:
    napari_layers = pytest.importorskip("napari.layers")
    store, volumes = voxels
    layers.write_napari(store, snapshots.select(store), tmp_path / "out", labels=labels)
    opened = {layer.name: layer for layer in (napari_layers.Layer.create(*data) for data in layers.load(tmp_path / "out"))}
    assert list(opened) == (["labels", "points", "tracks"] if labels else ["points", "tracks"])
    rows = store.read("features").to_pandas().sort_values("feature_id")
    points = opened["points"]
    np.testing.assert_array_equal(points.data, rows[["t", "z", "y", "x"]].to_numpy())
    assert points.features.uid.tolist() == rows.uid.tolist()
    np.testing.assert_allclose(points.features.volume, rows.volume)
    assert [str(unit) for unit in points.units][1:] == ["micrometer"] * 3
    assert points.axis_labels == ("t", "z", "y", "x")
    links = store.read("next").to_pandas()
    tracks = opened["tracks"]
    feature = tracks.features.feature_id.to_numpy()
    track_of = dict(zip(feature.tolist(), tracks.data[:, 0].astype(int).tolist(), strict=True))
    out, into = links.source.value_counts(), links.target.value_counts()
    expected: dict[int, set[int]] = {}
    for row in links.itertuples():
        if out[row.source] == 1 and into[row.target] == 1:
            assert track_of[row.source] == track_of[row.target]
        else:
            expected.setdefault(track_of[row.target], set()).add(track_of[row.source])
    assert {child: set(parents) for child, parents in tracks.graph.items()} == expected
    assert expected
    np.testing.assert_array_equal(tracks.data[:, 1:], rows.set_index("feature_id").loc[feature, ["t", "z", "y", "x"]].to_numpy())
    if labels:
        held = opened["labels"]
        assert held.scale.tolist() == [1, 2, 1.63, 1.63]
        for t, volume in enumerate(volumes):
            whole = np.asarray(held.data[t])
            np.testing.assert_array_equal(whole[: volume.shape[0], : volume.shape[1], : volume.shape[2]], volume)
            assert (whole > 0).sum() == (volume > 0).sum()


def test_layers_in_memory_are_those_on_disk(tmp_path: Path, rng: np.random.Generator) -> None:
    store = fronts.stored(tmp_path / "xct.store", fronts.graph(rng, n_scans=3, n_features=25))
    selection = snapshots.select(store)
    layers.write_napari(store, selection, tmp_path / "out", labels=False)
    for (a, ours, name), (b, theirs, other) in zip(layers.layers(selection), layers.load(tmp_path / "out"), strict=True):
        assert name == other
        np.testing.assert_array_equal(a, b)
        assert ours.keys() == theirs.keys()
        pd.testing.assert_frame_equal(ours["features"], theirs["features"], check_dtype=False)
        assert ours.get("graph") == theirs.get("graph")
