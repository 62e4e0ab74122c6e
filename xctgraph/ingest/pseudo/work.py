"""What labelling a job and labelling a dataset share: references, sample masks, what was counted, what is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.pseudo import reference
from xctgraph.ingest.pseudo.parameters import KINDS, Parameters
from xctgraph.ingest.pseudo.reference import Reference
from xctgraph.ingest.pseudo.scores import Score
from xctgraph.ingest.pseudo.search import Sought
from xctgraph.ingest.segmentation.material import material_of
from xctgraph.ingest.volumes import Volume
from xctgraph.ingest.volumes.region import Region

Bytes = NDArray[np.uint8]
Progress = Callable[..., None]
SHOWN_EDGE = 512
REPORT, MASKS, CONFIDENCE = "pseudo.json", "masks", "confidence"


def silent(message: str, done: int = 0, total: int = 0) -> None:
    """Tell nobody."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A slice for the page of overlays: grey values as 0 to 255, classes (0 to 3), confidence (0 to 255), all (y, x)."""

    name: str
    grey: Bytes
    classes: Bytes
    confidence: Bytes


@dataclass
class Report:
    """What was done.

    Attributes
    ----------
    parameters : Parameters
    sought : Sought or None
        Of the search; None without annotated slices.
    slices : int
    pixels : dict
        Pixels of each kind.
    confidence : dict
        Mean confidence of the pixels of each kind; absent where there are none.
    notes : list of str
        What the reader should know.
    shown : list of Shown
    """

    parameters: Parameters
    sought: Sought | None = None
    slices: int = 0
    pixels: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    notes: list[str] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    _sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))

    @property
    def confidence(self) -> dict[str, float]:
        """Mean confidence by kind."""
        return {kind: self._sums[kind] / self.pixels[kind] / 255 for kind in KINDS if self.pixels[kind]}

    def count(self, classes: Bytes, confidence: Bytes) -> None:
        """Take in the labels of a slice."""
        self.slices += 1
        for code, kind in enumerate(KINDS, 1):
            chosen = classes == code
            self.pixels[kind] += int(chosen.sum())
            self._sums[kind] += int(confidence[chosen].sum())

    def show(self, name: str, plane: NDArray[Any], classes: Bytes, confidence: Bytes) -> None:
        """Keep a slice for the page, thinned to at most `SHOWN_EDGE` pixels."""
        step = -(-max(plane.shape) // SHOWN_EDGE)
        low, high = np.percentile(plane[::step, ::step], (0.5, 99.5))
        grey = np.clip((plane[::step, ::step].astype(np.float32) - low) / (max(high - low, 1e-9)) * 255, 0, 255).astype(np.uint8)
        self.shown.append(Shown(name, grey, classes[::step, ::step].copy(), confidence[::step, ::step].copy()))

    def as_json(self) -> dict[str, Any]:
        """All but what is shown."""
        return {
            "parameters": self.parameters.as_json(),
            "search": None if self.sought is None else _said(self.sought),
            "slices": self.slices,
            "pixels": self.pixels,
            "confidence": {kind: round(value, 4) for kind, value in self.confidence.items()},
            "notes": self.notes,
        }


@dataclass
class Source:
    """The slices of a scan, with their sample mask and the references of its sections.

    Attributes
    ----------
    region : Region
        What is labelled of the scan.
    mask : Region or None
        The same box of its sample mask.
    axis : tuple of float
        Rotation axis (y, x) in pixels of the box.
    """

    region: Region
    mask: Region | None
    axis: tuple[float, float]
    _references: dict[int, Reference] = field(default_factory=dict)

    def reference(self, z: int, parameters: Parameters) -> Reference:
        """Of the section that slice `z` of the box lies in."""
        section = z // reference.SECTION
        if section not in self._references:
            # One section after the other: what is behind is not wanted again.
            self._references = {section: reference.read(self.region, section, self.mask, air=parameters.air)}
        return self._references[section]

    def material(self, z0: int, z1: int) -> NDArray[np.bool_] | None:
        """Sample mask of slices `z0` to `z1` - 1 of the box."""
        return None if self.mask is None else material_of(self.mask.read(z0, z1), z0 + self.mask.box[0][0])


def source(volume: Volume, mask: Volume | None, box: Any, rotation_axis: tuple[float, float] | None) -> Source:
    """A box of a scan; `rotation_axis` is in pixels of the whole slices, None for their centre."""
    _, (y0, _), (x0, _) = box
    y, x = rotation_axis or ((volume.shape[1] - 1) / 2, (volume.shape[2] - 1) / 2)
    return Source(Region(volume, box), None if mask is None else Region(mask, box), (y - y0, x - x0))


def scores_of(sought: Sought) -> Mapping[str, Score]:
    """Scores of the cross-validation, none without."""
    return sought.scores or {}


def _said(sought: Sought) -> dict[str, Any]:
    return {
        "slices": sought.slices,
        "folds": sought.folds,
        "scores": {
            kind: {
                "iou": _number(one.iou), "pixel_f1": _number(one.pixel_f1), "object_f1": _number(one.object_f1),
                "objects": one.objects,
            }
            for kind, one in scores_of(sought).items()
        },
    }  # fmt: skip


def _number(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
