"""Crops of training slices, drawn anew for each step from its number: a run that goes on draws what it would have drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xctgraph.ingest.learning.annotated import Example
from xctgraph.ingest.learning.spec import Spec

Floats = NDArray[np.float32]


class Batches:
    """Crops of slices.

    Half of them (`spec.aimed`) are laid about a pixel of some class: fractures fill few pixels of few slices, and crops laid
    anywhere would hardly ever show one.
    """

    def __init__(self, examples: Sequence[Example], spec: Spec, n_classes: int) -> None:
        self._examples = examples
        self._spec = spec
        # By class, the slices that have it and its pixels there, as flat indices.
        places = [
            [(k, inside) for k, example in enumerate(examples) if len(inside := np.flatnonzero(example.target == value))]
            for value in range(1, n_classes)
        ]
        self._present = [of_class for of_class in places if of_class]
        area = sum(example.target.size for example in examples)
        self.steps_of_epoch = max(1, -(-area // spec.crop**2 // spec.batch), -(-len(examples) // spec.batch))

    def draw(self, step: int) -> tuple[Floats, NDArray[np.int64], Floats]:
        """Grey values (batch, slices, y, x), classes and weights (batch, y, x) of a step."""
        rng = np.random.default_rng([self._spec.seed, step])
        crops = [self._crop(rng) for _ in range(self._spec.batch)]
        grey, target, weight = (np.stack(part) for part in zip(*crops, strict=True))
        return grey.astype(np.float32), target.astype(np.int64), weight.astype(np.float32)

    def _crop(self, rng: np.random.Generator) -> tuple[Floats, NDArray[np.uint8], Floats]:
        size = self._spec.crop
        if self._present and rng.random() < self._spec.aimed:
            places = self._present[rng.integers(len(self._present))]
            k, inside = places[rng.integers(len(places))]
            example = self._examples[k]
            at = np.array(np.unravel_index(inside[rng.integers(len(inside))], example.target.shape))
            first = at - rng.integers(0, size, 2)
        else:
            example = self._examples[int(rng.integers(len(self._examples)))]
            first = np.array([rng.integers(0, max(1, n - size + 1)) for n in example.target.shape])
        corner = [int(np.clip(a, 0, max(0, n - size))) for a, n in zip(first, example.target.shape, strict=True)]
        rows, columns = (slice(a, a + size) for a in corner)
        grey = example.scaled(rows, columns)
        target = example.target[rows, columns]
        share = 1.0 if example.annotated else self._spec.pseudo
        weight = example.weight[rows, columns].astype(np.float32) * (share / 255)
        lack = [(0, size - n) for n in target.shape]
        if any(after for _, after in lack):
            # Beyond a slice smaller than the crop nothing is known.
            grey = np.pad(grey, [(0, 0), *lack], mode="symmetric")
            target, weight = np.pad(target, lack), np.pad(weight, lack)
        return augmented(grey, target, weight, rng) if self._spec.augment else (grey, target, weight)


def augmented(
    grey: Floats, target: NDArray[np.uint8], weight: Floats, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.uint8], Floats]:
    """Turn, mirror and scale a crop, and change its contrast, brightness, gamma, noise and sharpness, at random."""
    turns, across = int(rng.integers(4)), int(rng.choice([-1, 1]))

    def laid(part: NDArray[Any]) -> NDArray[Any]:
        return np.rot90(part, turns, (-2, -1))[..., ::across]

    grey, target, weight = laid(grey), laid(target), laid(weight)
    if rng.random() < 0.5:
        grey, target, weight = _turned(grey, target, weight, rng.uniform(-np.pi / 8, np.pi / 8), rng.uniform(0.8, 1.25))
    values: NDArray[Any] = (grey - 0.5) * rng.uniform(0.7, 1.3) + 0.5 + rng.uniform(-0.15, 0.15)
    if rng.random() < 0.3:
        values = np.sign(values) * np.abs(values) ** rng.uniform(0.7, 1.4)
    if rng.random() < 0.3:
        edge = rng.uniform(0.3, 1.0)
        values = ndimage.gaussian_filter(values, (0, edge, edge))
    if rng.random() < 0.5:
        values = values + rng.normal(0, rng.uniform(0, 0.06), values.shape)
    return np.ascontiguousarray(values, np.float32), np.ascontiguousarray(target), np.ascontiguousarray(weight, np.float32)


def _turned(
    grey: Floats, target: NDArray[np.uint8], weight: Floats, angle: float, scale: float
) -> tuple[Floats, NDArray[np.uint8], Floats]:
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    matrix = np.array([[cos, -sin], [sin, cos]])
    centre = (np.array(target.shape) - 1) / 2
    shift = centre - matrix @ centre

    def moved(part: NDArray[Any], order: Literal[0, 1]) -> Floats:
        given = part.astype(np.float32)
        return np.asarray(ndimage.affine_transform(given, matrix, shift, order=order, mode="mirror"), np.float32)

    return np.stack([moved(plane, 1) for plane in grey]), moved(target, 0).astype(np.uint8), moved(weight, 0)
