"""What is trained, and how: one record that decides every step, kept in the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from xctgraph.store.errors import InputError, nearest

ARCHITECTURES = ("unet", "upernet", "segformer")
PLAIN = "none"
LOSSES = ("dice", "dice+ce", "focal")
PRECISIONS = ("auto", "f32", "bf16", "f16")
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class Spec:
    """All that decides a training, beside the slices.

    Attributes
    ----------
    architecture : str
        ``unet`` (Ronneberger et al. 2015), ``upernet`` (Xiao et al. 2018) or ``segformer`` (the decoder of Xie et al. 2021).
    encoder : str
        ``none`` for a plain U-Net, or a name of segmentation-models-pytorch: ``resnet50``, ``se_resnext101_32x4d``,
        ``xception``, ``mit_b1``, ``tu-...`` for those of timm. The ImageNet weights of the default are installed.
    weights : str
        Of the encoder: ``none`` (random), ``imagenet``, or the path of a state dict.
    slices : int
        Neighbouring slices that the network sees as channels; the middle one is segmented. Odd: 1 is 2D, 3 and more 2.5D.
    width : int
        Channels of the first level of the plain U-Net; each level doubles them.
    loss : str
        ``dice``, ``dice+ce`` or ``focal``: see `losses`.
    epochs : int
        Passes over the training slices.
    steps : int
        Steps in place of epochs; 0 for as many as the epochs have.
    batch : int
        Crops of a step.
    crop : int
        Edge of a crop in pixels.
    aimed : float
        Share of the crops that are laid about a pixel of a class other than the background, each class as often as the others.
    rate : float
        Learning rate at the start; it falls to 0 by a cosine (Loshchilov and Hutter 2017).
    decay : float
        Weight decay of AdamW.
    pseudo : float
        Weight of a pseudo-label of confidence 1 against an annotated pixel.
    augment : bool
        Whether crops are turned, scaled, and changed in contrast, noise and sharpness.
    seed : int
    precision, device : str
        ``auto``: bf16 (else f16) on CUDA, f32 elsewhere; CUDA, else MPS, else CPU.
    """

    architecture: str = "unet"
    encoder: str = "tu-tf_efficientnet_lite0"
    weights: str = "imagenet"
    slices: int = 1
    width: int = 64
    loss: str = "dice"
    epochs: int = 150
    steps: int = 0
    batch: int = 8
    crop: int = 256
    aimed: float = 0.5
    rate: float = 1e-3
    decay: float = 1e-4
    pseudo: float = 0.5
    augment: bool = True
    seed: int = 0
    precision: str = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, valid in (("architecture", ARCHITECTURES), ("loss", LOSSES), ("precision", PRECISIONS), ("device", DEVICES)):
            if getattr(self, name) not in valid:
                raise InputError(f"{name} {getattr(self, name)!r} is not known: {nearest(getattr(self, name), valid)}")
        if self.slices < 1 or self.slices % 2 == 0:
            raise InputError(f"slices = {self.slices}: an odd number is wanted, 1 for 2D, 3 or more for 2.5D")
        for name in ("epochs", "batch", "width"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} = {getattr(self, name)}: at least 1 is wanted")
        if self.crop < 32:
            raise InputError(f"crop = {self.crop}: networks halve it five times, so at least 32 pixels are wanted")
        if self.steps < 0 or self.seed < 0:
            raise InputError(f"steps = {self.steps}, seed = {self.seed}: none may be negative")
        if not 0 < self.rate < 1 or not 0 <= self.decay < 1:
            raise InputError(f"rate = {self.rate:g}, decay = {self.decay:g}: both lie between 0 and 1, as in 1e-3")
        if not 0 <= self.aimed <= 1 or not 0 <= self.pseudo <= 1:
            raise InputError(f"aimed = {self.aimed:g}, pseudo = {self.pseudo:g}: both are shares, 0 to 1")
        if self.encoder == PLAIN and self.architecture != "unet":
            raise InputError(f"encoder 'none' is the plain U-Net: {self.architecture} needs an encoder, such as resnet50")
        if self.encoder == PLAIN and self.weights != "none":
            raise InputError(f"weights {self.weights!r}: the plain U-Net has none of other images, give weights 'none'")
        if self.architecture == "upernet" and self.batch < 2:
            raise InputError("batch = 1 does not go with upernet: it normalises over a grid of 1 x 1, give 2 or more")

    @property
    def halo(self) -> int:
        """Neighbouring slices on each side."""
        return self.slices // 2

    def to_json(self) -> dict[str, Any]:
        """As a mapping."""
        return asdict(self)


def from_json(values: Mapping[str, Any], origin: str) -> Spec:
    """Take a record back; `origin` names it in the error.

    Raises
    ------
    InputError
        If a field is not known, or has a value that is not valid.
    """
    known = {field.name: field for field in fields(Spec)}
    for name, value in values.items():
        if name not in known:
            raise InputError(f"{origin}: unknown field {name!r}: {nearest(name, known)}")
        wanted = type(known[name].default)
        if not isinstance(value, (int, float) if wanted is float else wanted) or (wanted is not bool and isinstance(value, bool)):
            raise InputError(f"{origin}: {name} = {value!r} is no {wanted.__name__}")
    return Spec(**values)
