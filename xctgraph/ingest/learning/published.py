"""The comparison that the reference study published: 17 networks, and their scores as printed.

Two F1 values are far from their own precision and recall, by whose formula they would be .959 (UPerNet, Xception, ImageNet) and
.957 (SegFormer, MiT-B4, none); the others differ by up to .011, as averages over images would.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A network and its scores, in the accounting of `metrics.reference`."""

    architecture: str
    encoder: str
    weights: str
    accuracy: float
    precision: float
    recall: float
    f1: float
    miou: float


_SE = "se_resnext101_32x4d"
ROWS = (
    Row("unet", "none", "none", 0.865, 1.000, 0.865, 0.926, 0.588),
    Row("unet", "resnet50", "none", 0.873, 1.000, 0.873, 0.931, 0.588),
    Row("unet", "resnet50", "imagenet", 0.881, 1.000, 0.881, 0.935, 0.612),
    Row("unet", _SE, "none", 0.879, 1.000, 0.879, 0.935, 0.600),
    Row("unet", _SE, "imagenet", 0.896, 0.999, 0.896, 0.944, 0.627),
    Row("unet", "xception", "none", 0.871, 1.000, 0.871, 0.930, 0.597),
    Row("unet", "xception", "imagenet", 0.911, 0.999, 0.911, 0.949, 0.646),
    Row("upernet", "resnet50", "none", 0.755, 1.000, 0.755, 0.849, 0.432),
    Row("upernet", "resnet50", "imagenet", 0.808, 0.997, 0.808, 0.884, 0.481),
    Row("upernet", _SE, "none", 0.774, 1.000, 0.774, 0.864, 0.450),
    Row("upernet", _SE, "imagenet", 0.802, 0.997, 0.802, 0.880, 0.479),
    Row("upernet", "xception", "none", 0.772, 0.999, 0.772, 0.860, 0.430),
    Row("upernet", "xception", "imagenet", 0.923, 0.997, 0.923, 0.928, 0.480),
    Row("segformer", "mit_b1", "none", 0.799, 0.999, 0.799, 0.879, 0.440),
    Row("segformer", "mit_b1", "imagenet", 0.827, 0.999, 0.827, 0.900, 0.421),
    Row("segformer", "mit_b4", "none", 0.919, 0.998, 0.919, 0.875, 0.311),
    Row("segformer", "mit_b4", "imagenet", 0.798, 0.998, 0.798, 0.884, 0.481),
)
