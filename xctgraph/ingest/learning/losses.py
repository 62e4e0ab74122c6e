"""Losses of segmentation, over pixels that count more or less."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_SMOOTH = 1.0
_FOCUS = 2.0


def loss(kind: str, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Loss of a batch.

    Parameters
    ----------
    kind
        ``dice``: 1 - Dice of each class, averaged (F. Milletari et al., V-Net, 3DV 2016, with the batch as one image, so that a
        crop without the class is no fault). The background counts too: without it nothing keeps rare classes from spreading
        over it (docs/training.md). ``dice+ce``: that and the cross-entropy.
        ``focal``: Dice and the focal loss with gamma = 2 (T.-Y. Lin et al., Focal loss, ICCV 2017, eq. 4).
    logits
        (n, classes, y, x).
    target
        Class of each pixel, int64 (n, y, x).
    weight
        Of each pixel, (n, y, x): 1 where it was annotated, 0 where it says nothing.
    """
    logits = logits.float()
    total = _dice(logits, target, weight)
    if kind == "dice":
        return total
    each = functional.cross_entropy(logits, target, reduction="none")
    if kind == "focal":
        each = (1 - torch.exp(-each)) ** _FOCUS * each
    return total + (each * weight).sum() / weight.sum().clamp(min=1.0)


def _dice(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    share = logits.softmax(dim=1)
    truth = functional.one_hot(target, logits.shape[1]).movedim(-1, 1).to(share.dtype)
    weight = weight[:, None]
    both, sizes = (share * truth * weight).sum(dim=(0, 2, 3)), ((share + truth) * weight).sum(dim=(0, 2, 3))
    return (1 - (2 * both + _SMOOTH) / (sizes + _SMOOTH)).mean()
