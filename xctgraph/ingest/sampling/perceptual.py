"""Perceptual distance of slices: LPIPS where its weights are on this machine, else Shift-Tolerant LPIPS.

- LPIPS: R. Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018; package `lpips`,
  with the AlexNet weights of torchvision where its cache has them (nothing is downloaded).
- ST-LPIPS: A. Ghildyal and F. Liu, Shift-tolerant perceptual similarity metric, ECCV 2022; the weights of the wheel
  `stlpips-pytorch`. Its values cannot be compared with those of LPIPS.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.store.errors import MissingExtra

if TYPE_CHECKING:
    from torch import Tensor

LPIPS, ST_LPIPS = "LPIPS", "ST-LPIPS"
_ALEXNET = "alexnet-owt-7be5be79.pth"
_WEIGHTS = Path("weights", "vST0.0", "alex_shift_tolerant.pth")
EDGE = 128


@dataclass(frozen=True)
class Distances:
    """Distances of all pairs.

    Attributes
    ----------
    metric : str
        LPIPS or ST-LPIPS.
    values : ndarray of float64, shape (n, n)
    """

    metric: str
    values: NDArray[np.float64]


def distances(planes: NDArray[np.float32]) -> Distances:
    """Perceptual distances between slices.

    Parameters
    ----------
    planes : ndarray of float32, shape (n, edge, edge)
        Grey values, 0 to 1.

    Raises
    ------
    MissingExtra
        If neither package is installed.
    """
    import torch

    images = torch.from_numpy(np.repeat(planes[:, None], 3, axis=1) * 2 - 1)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / _ALEXNET
    name = LPIPS if cached.is_file() and importlib.util.find_spec("lpips") else ST_LPIPS
    with torch.inference_mode(), _one_thread():
        layers = _lpips(images) if name == LPIPS else _shift_tolerant(images)
        total = torch.zeros(len(images), len(images), dtype=torch.float64)
        for features, weights in layers:
            scaled = (features / (features.pow(2).sum(1, keepdim=True).sqrt() + 1e-10)) * weights.clamp(min=0).sqrt()
            for i in range(len(scaled)):
                total[i] += (scaled - scaled[i]).pow(2).sum(1).mean(dim=(1, 2)).double()
    return Distances(name, total.numpy())


@contextmanager
def _one_thread() -> Iterator[None]:
    """In a process where scikit-learn and numba have OpenMP runtimes of their own, torch's threads were seen to wait forever."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _lpips(images: Tensor) -> list[tuple[Tensor, Tensor]]:
    import lpips

    network = lpips.LPIPS(net="alex", verbose=False)
    outputs = network.net(network.scaling_layer(images))
    return [(output, layer.model[-1].weight) for output, layer in zip(outputs, network.lins, strict=True)]


def _shift_tolerant(images: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The five layers that the state dict describes: convolutions of stride 1, and blurs that halve the grid."""
    import torch
    from torch.nn.functional import conv2d, max_pool2d, pad, relu

    package = importlib.util.find_spec("stlpips_pytorch")
    if package is None or package.origin is None:
        raise MissingExtra("stlpips-pytorch", "ml", "the perceptual distance of slices")
    # The package itself needs IPython and more: only its weights are read.
    state: dict[str, Any] = torch.load(Path(package.origin).parent / _WEIGHTS, map_location="cpu", weights_only=True)

    def convolve(x: Tensor, name: str, padding: int) -> Tensor:
        return conv2d(x, state[f"net.{name}.weight"], state[f"net.{name}.bias"], padding=padding)

    def halve(x: Tensor, name: str) -> Tensor:
        kernel = state[f"net.{name}.filt"]
        return conv2d(pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=len(kernel))

    x = (images - state["scaling_layer.shift"]) / state["scaling_layer.scale"]
    first = relu(halve(convolve(x, "slice1.0", 2), "slice1.1"))
    second = relu(convolve(halve(max_pool2d(first, 3, 1), "slice2.4"), "slice2.5", 2))
    third = relu(convolve(halve(max_pool2d(second, 3, 1), "slice3.8"), "slice3.9", 1))
    fourth = relu(convolve(third, "slice4.11", 1))
    fifth = relu(convolve(fourth, "slice5.13", 1))
    return [(x, state[f"lin{k}.model.1.weight"]) for k, x in enumerate((first, second, third, fourth, fifth))]
