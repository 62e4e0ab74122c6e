"""Masks of a whole series: the same however they are made, cut off and gone on with; and what becomes of them in a store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr
from numpy.typing import NDArray

from tests.cli.command import run
from tests.ingest.learning.annotated_series import Series
from xctgraph.ingest import config
from xctgraph.ingest.learning import checkpoint, consistency, segment
from xctgraph.ingest.learning.metrics import confusion, scores
from xctgraph.ingest.learning.network import build
from xctgraph.ingest.learning.predictor import predictor
from xctgraph.ingest.sampling.embed import window
from xctgraph.ingest.segmentation import otsu
from xctgraph.ingest.volumes import open_volume
from xctgraph.store import open_store

Masks = dict[str, NDArray[np.uint8]]


def read(folder: Path) -> Masks:
    return {path.name: np.asarray(zarr.open_array(path, mode="r")[:]) for path in sorted(folder.glob("*.zarr"))}


@pytest.fixture(scope="module")
def made(series: Series, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("masks") / "out"
    done = run("segment", str(series.dataset), "--model", str(model), "--out", str(out), "--runtime", "torch")
    assert done.code == 0, done.stderr
    assert f"Next: xctgraph ingest {out / 'dataset.toml'}" in done.stdout
    return out


def test_masks_are_those_of_the_network(made: Path, series: Series, model: Path) -> None:
    """Slice by slice with torch alone, without tiles and blocks."""
    held = checkpoint.load(model)
    network = build(held.spec, 4, load_weights=False)
    network.load_state_dict(held.state)
    network.eval()
    volume = open_volume(series.folder / "scan_001.h5")
    low, high = window(volume, 1)
    grey = np.clip((volume.read(0, volume.shape[0]).astype(np.float32) - low) / (high - low), -1, 2)
    with torch.inference_mode():
        shares = np.concatenate([network(torch.from_numpy(plane[None, None])).softmax(dim=1).numpy() for plane in grey])
    expected = consistency.consistent(shares, 0, 0)
    found = read(made)
    unlike = found["classes_t001.zarr"] != expected
    assert unlike.mean() < 1e-4  # ties and roundings
    sure = np.take_along_axis(shares, expected[:, None].astype(np.int64), axis=1)[:, 0]
    assert np.abs(found["confidence_t001.zarr"] - sure * 255)[~unlike].max() < 2


def test_learned_masks_beat_otsu_on_scans_with_artefacts(made: Path, series: Series) -> None:
    """The F1 of inclusions, voxel by voxel against the truth, on all slices that were not annotated."""
    found = read(made)
    others = [z for z in range(48) if (z - 1) % 4]
    ours = theirs = 0.0
    for t in range(2):
        volume = open_volume(series.folder / f"scan_{t:03d}.h5")
        segmenter = otsu(volume)
        classes = segmenter.classify(volume.read(0, 48))
        bright = segmenter.classes.index("inclusion") + 1 if "inclusion" in segmenter.classes else 255
        truth = series.truth[t][others]
        ours += scores(confusion(truth, found[f"classes_t{t:03d}.zarr"][others], 4))["f1"][1]
        theirs += scores(confusion((truth == 1).astype(np.uint8), (classes[others] == bright).astype(np.uint8), 2))["f1"][1]
    print(f"F1 of inclusions: {ours / 2:.3f}, Otsu {np.nan_to_num(theirs) / 2:.3f}")
    assert ours / 2 > 0.5
    assert ours > np.nan_to_num(theirs)


def test_cut_off_and_gone_on_with(
    made: Path, series: Series, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = segment.Options(model, "torch")
    dataset = config.load(series.dataset)
    work, count = segment._segment_piece, iter(range(100))

    def dies(*given: object) -> None:
        if next(count) == 3:
            raise KeyboardInterrupt
        work(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(segment, "_segment_piece", dies)
    with pytest.raises(KeyboardInterrupt):
        segment.segment(dataset, options, tmp_path / "out")
    assert len(list((tmp_path / "out" / segment.DONE).iterdir())) == 3
    again: list[object] = []
    monkeypatch.setattr(segment, "_segment_piece", lambda piece, *given: (again.append(piece), work(piece, *given)))
    segment.segment(dataset, options, tmp_path / "out")
    assert len(again) == 3
    expected, found = read(made), read(tmp_path / "out")
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_several_processes(made: Path, series: Series, model: Path, tmp_path: Path) -> None:
    given = ("--model", str(model), "--out", str(tmp_path / "out"), "--runtime", "torch", "--workers", "2", "--json")
    done = run("segment", str(series.dataset), *given)
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout) == {"dataset": str(tmp_path / "out" / "dataset.toml")}
    expected, found = read(made), read(tmp_path / "out")
    assert all((found[name] != expected[name]).mean() < 1e-4 for name in expected if name.startswith("classes"))


def test_openvino_and_torch_agree(series: Series, model: Path) -> None:
    held = checkpoint.load(model)
    volume = open_volume(series.folder / "scan_000.h5")
    low, high = window(volume, 0)
    grey = np.clip((volume.read(10, 14)[:, None].astype(np.float32) - low) / (high - low), -1, 2)
    ready = [predictor(held, (80, 72), runtime, "f32") for runtime in ("torch", "openvino")]
    assert [one.description for one in ready] == ["torch cpu f32", "openvino cpu f32"]
    a, b = (one(grey) for one in ready)
    assert np.abs(a - b).max() < 1e-3
    tiled = predictor(held, (80, 72), "torch", "f32", tile=64)
    assert tiled.tiles.size == (64, 64)
    assert (tiled(grey).argmax(axis=1) == a.argmax(axis=1)).mean() > 0.97


def test_four_commands_to_features_of_the_series(made: Path, series: Series, tmp_path: Path) -> None:
    """Sample and train stand in the fixtures; here the masks become features, with the mean confidence of their voxels."""
    store = tmp_path / "s.store"
    done = run("ingest", str(made / "dataset.toml"), "--store", str(store))
    assert done.code == 0, done.stderr
    found = read(made)
    with open_store(store) as opened:
        rows = opened.read("features", sample="SYNTH", t=1).to_pylist()
        labels = opened.labels("SYNTH", 1)
    volume = np.zeros(labels.shape, np.int32)
    for z, y, a, b, label in zip(labels.z, labels.y, labels.x_start, labels.x_stop, labels.label, strict=True):
        volume[z, y, a:b] = label
    kinds = ("", "inclusion", "pore", "fracture")
    assert len(rows) > 20
    for row in rows:
        own = volume == row["label"]
        assert row["confidence"] == pytest.approx(found["confidence_t001.zarr"][own].mean() / 255, abs=1e-9)
        assert {kinds[value] for value in np.unique(found["classes_t001.zarr"][own])} == {row["kind"]}


def test_ingest_by_a_model_is_ingest_of_its_masks(series: Series, model: Path, tmp_path: Path) -> None:
    volumes = [str(series.folder / f"scan_{t:03d}.h5") for t in range(2)]
    direct = ("ingest", *volumes, "--sample", "SYNTH", "--voxel-size", "1.63um", "--segmentation", f"model:{model}")
    done = run(*direct, "--store", str(tmp_path / "a.store"))
    assert done.code == 0, done.stderr
    assert "method model" in done.stdout
    assert run("segment", str(series.dataset), "--model", str(model), "--out", str(tmp_path / "out")).code == 0
    done = run("ingest", str(tmp_path / "out" / "dataset.toml"), "--store", str(tmp_path / "b.store"))
    assert done.code == 0, done.stderr
    columns = ["t", "label", "kind", "n_voxels", "vz", "vy", "vx", "intensity_mean", "confidence"]
    held = []
    for name in ("a", "b"):
        with open_store(tmp_path / f"{name}.store") as opened:
            held.append(opened.sql(f"SELECT {', '.join(columns)} FROM features WHERE n_voxels >= 5 ORDER BY t, vz, vy, vx"))
    a, b = ([{k: v for k, v in row.items() if k != "label"} for row in table.to_pylist()] for table in held)
    assert a == b
    again = run(*direct, "--store", str(tmp_path / "a.store"))
    assert "there already, unchanged" in again.stdout
    elsewhere = tmp_path / "moved.pt"
    shutil.copy(model, elsewhere)
    moved = run(*direct[:-1], f"model:{elsewhere}", "--store", str(tmp_path / "a.store"))
    assert moved.code == 0, moved.stderr  # a model is known by its weights


def test_a_region_of_interest(series: Series, model: Path, made: Path, tmp_path: Path) -> None:
    text = series.dataset.read_text().replace("[sample]", "[sample]\nroi = [[5, 25], [0, 80], [8, 72]]")
    text = text.replace('path = "', f'path = "{series.folder}/')
    (tmp_path / "d.toml").write_text(text)
    done = run("segment", str(tmp_path / "d.toml"), "--model", str(model), "--out", str(tmp_path / "out"))
    assert done.code == 0, done.stderr
    mask = read(tmp_path / "out")["classes_t000.zarr"]
    assert mask.shape == (48, 80, 72)
    assert not mask[:5].any()
    assert not mask[25:].any()
    assert not mask[:, :, :8].any()
    assert mask[5:25].any()
    assert run("ingest", str(tmp_path / "out" / "dataset.toml"), "--store", str(tmp_path / "s.store")).code == 0


def test_what_is_refused(series: Series, made: Path, model: Path, tmp_path: Path) -> None:
    done = run("segment", str(series.dataset), "--model", str(tmp_path / "none.pt"))
    assert (done.code, "there is no model" in done.stderr) == (2, True)
    done = run("segment", str(series.dataset), "--model", str(model), "--out", str(made), "--each-slice")
    assert (done.code, "holds masks made in another way (other consistent)" in done.stderr) == (2, True)
    done = run("segment", str(series.dataset), "--model", str(model), "--out", str(tmp_path / "a"), "--runtime", "tpu")
    assert (done.code, "runtime 'tpu' is not known" in done.stderr) == (2, True)
    grey = np.ones((6, 40, 40), np.float32)
    grey[:, ::2] = 2
    grey[3, 4, 5] = np.nan
    np.save(tmp_path / "nan.npy", grey)
    given = ("ingest", str(tmp_path / "nan.npy"), "--sample", "S", "--voxel-size", "1um", "--store", str(tmp_path / "s"))
    done = run(*given, "--segmentation", f"model:{model}")
    assert (done.code, "voxel z = 3, y = 4, x = 5" in done.stderr, "is nan" in done.stderr) == (2, True, True)
    done = run(*given, "--segmentation", "model")
    assert (done.code, "Valid: otsu, threshold:V, mask, labels, model:FILE" in done.stderr) == (2, True)
