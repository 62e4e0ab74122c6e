"""What the labels depend on, checked; kept as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from xctgraph.store.errors import InputError, nearest

METHODS = ("hysteresis", "multi-otsu", "tail")
KINDS = ("inclusion", "pore", "fracture")
Knots = tuple[tuple[float, float], ...]
# Measured on slices of the generator at three noise levels: benchmarks/pseudolabel.py --calibrate.
CALIBRATION: dict[str, Knots] = {
    "background": (
        (0.0, 0.8219),
        (0.135, 0.8219),
        (0.385, 0.9),
        (0.793, 0.9678),
        (1.287, 0.9931),
        (1.779, 0.9984),
        (2.562, 0.9998),
        (3.434, 1.0),
        (4.996, 1.0),
        (6.634, 1.0),
    ),
    "inclusion": (
        (0.127, 0.563),
        (0.375, 0.6659),
        (0.75, 0.8105),
        (1.252, 0.9182),
        (1.752, 0.9704),
        (2.489, 0.9923),
        (3.473, 0.9994),
        (4.894, 0.9999),
        (7.687, 0.9999),
        (11.222, 0.9999),
    ),
    "pore": (
        (0.123, 0.5196),
        (0.378, 0.6447),
        (0.755, 0.7498),
        (1.25, 0.8593),
        (1.745, 0.9177),
        (2.481, 0.9474),
        (3.477, 0.9474),
        (4.923, 0.952),
        (7.686, 0.9529),
        (11.049, 0.9585),
    ),
    "fracture": (
        (0.0, 0.1624),
        (0.129, 0.8086),
        (0.377, 0.8671),
        (0.754, 0.936),
        (1.256, 0.9683),
        (1.757, 0.9906),
        (2.51, 0.9976),
        (3.492, 0.9998),
        (4.939, 0.9999),
        (7.534, 0.9999),
        (10.776, 0.9999),
    ),
}


@dataclass(frozen=True)
class Side:
    """Thresholds of one side, bright or dark, in standard deviations of the noise of the smoothed slice.

    Attributes
    ----------
    low : float
        Pixels of an object are above it, ...
    share : float
        ... and above this share of the level of the objects of the slice: at 0.5 a blurred surface is where it is.
    high : float
        An object has a pixel above it, ...
    spot : float
        ... or one whose response to the Laplacian of Gaussian is above this.
    least : int
        Fewest pixels of an object.
    """

    low: float = 3.0
    share: float = 0.5
    high: float = 4.5
    spot: float = 5.0
    least: int = 4


@dataclass(frozen=True)
class Parameters:
    """Everything the labels of a slice depend on; lengths are in pixels.

    Attributes
    ----------
    method : str
        ``hysteresis``; or ``multi-otsu`` (three classes) or ``tail`` (`segmentation.tail`), which find one threshold for each
        side in the histogram of the flattened slice, in place of `low`, `share`, `high` and `spot`.
    air, rings : bool
        Whether air is sought where there is no sample mask, and rings are taken out.
    window : float
        Standard deviation of the background's Gaussian window.
    smooth : float
        Standard deviation of the Gaussian that noise is smoothed by.
    widest : int
        Bright structures wider than twice this are no inclusions.
    bright, dark : Side
    ridge : float
        Response to the ridge filter from which a dark line is a fracture though it is too faint for `dark`; 0 for never.
    fracture_pixels : int
        A dark object of at least so many pixels is a fracture, ...
    fracture_length : float
        ... or one at least this long and ...
    fracture_elongation : float
        ... so many times longer than wide.
    calibration : dict
        For each class pairs of a margin (how far a pixel is from the threshold, in standard deviations of the noise) and the
        share of such pixels that are right.
    """

    method: str = "hysteresis"
    air: bool = True
    rings: bool = True
    window: float = 20.0
    smooth: float = 0.7
    widest: int = 25
    bright: Side = Side()
    dark: Side = Side()
    ridge: float = 6.0
    fracture_pixels: int = 60
    fracture_length: float = 20.0
    fracture_elongation: float = 4.0
    calibration: Mapping[str, Knots] = field(default_factory=lambda: dict(CALIBRATION))

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.method not in METHODS:
            raise InputError(f"method {self.method!r} is not known: {nearest(self.method, METHODS)}")
        for name, value in (*_numbers(self), *_numbers(self.bright, "bright."), *_numbers(self.dark, "dark.")):
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} = {value!r}: a finite number of at least 0 is wanted")
        if self.window < 1:
            raise InputError(f"window = {self.window!r}: at least 1 pixel is wanted")
        for kind in ("background", *KINDS):
            knots = self.calibration.get(kind, ())
            if not knots or any(not 0 <= share <= 1 for _, share in knots) or [*knots] != sorted(knots):
                raise InputError(f"calibration of {kind}: pairs of a margin and a share of 1 are wanted, by rising margin")

    def as_json(self) -> dict[str, Any]:
        """As mappings, numbers and texts."""
        return asdict(self)


def parse(said: Mapping[str, Any], origin: str) -> Parameters:
    """Parameters from what `Parameters.as_json` gave; `origin` names it in errors, what is left out has its default.

    Raises
    ------
    InputError
        If a name is not known, or a value makes no sense.
    """
    given = dict(said)
    _known(given, Parameters, origin)
    for side in {"bright", "dark"} & set(given):
        if not isinstance(given[side], Mapping):
            raise InputError(f"{origin}: {side} = {given[side]!r}: names and numbers are wanted")
        _known(given[side], Side, f"{origin}: {side}")
        given[side] = Side(**given[side])
    try:
        if "calibration" in given:
            pairs = {kind: tuple((float(a), float(b)) for a, b in knots) for kind, knots in given["calibration"].items()}
            given["calibration"] = CALIBRATION | pairs
        return Parameters(**given)
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{origin}: {error}") from error


def load(path: Path) -> Parameters:
    """Parameters of an earlier run (`pseudo.json`), or a file that holds nothing else.

    Raises
    ------
    InputError
        If the file cannot be read, or its content is not right.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"parameters {path} cannot be read ({error}): name the pseudo.json of an earlier run") from error
    except ValueError as error:
        raise InputError(f"parameters {path} are no JSON ({error}): name the pseudo.json of an earlier run") from error
    if not isinstance(said, dict):
        raise InputError(f"parameters {path} are no JSON object: name the pseudo.json of an earlier run")
    return parse(said.get("parameters", said), str(path))


def _numbers(of: Any, prefix: str = "") -> list[tuple[str, float]]:
    values = [(prefix + one.name, getattr(of, one.name)) for one in fields(of)]
    return [(name, value) for name, value in values if isinstance(value, int | float) and not isinstance(value, bool)]


def _known(given: Mapping[str, Any], of: type[Any], origin: str) -> None:
    names = [one.name for one in fields(of)]
    for name in given:
        if name not in names:
            raise InputError(f"{origin}: there is no parameter {name!r}: {nearest(name, names)}")
