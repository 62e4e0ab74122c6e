"""The plain U-Net: no encoder of another network."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

LEVELS = 5


class PlainUNet(nn.Module):  # type: ignore[misc]
    """U-Net of five levels with batch normalisation and padded convolutions.

    O. Ronneberger, P. Fischer and T. Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015.
    """

    def __init__(self, channels: int, classes: int, width: int) -> None:
        super().__init__()
        widths = [width << level for level in range(LEVELS)]
        self.down = nn.ModuleList(_double(a, b) for a, b in pairwise([channels, *widths]))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairwise(widths))
        self.join = nn.ModuleList(_double(2 * a, a) for a in widths[:-1])
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes, y, x) of images (n, channels, y, x), whose sides are multiples of 16."""
        kept: list[Tensor] = []
        for block in self.down:
            x = block(self.pool(x) if kept else x)
            kept.append(x)
        for level in reversed(range(LEVELS - 1)):
            x = self.join[level](torch.cat([kept[level], self.up[level](x)], dim=1))
        return self.head(x)


def _double(channels: int, out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for given in (channels, out):
        layers += [nn.Conv2d(given, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
