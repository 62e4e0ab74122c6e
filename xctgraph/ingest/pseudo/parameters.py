"""What the labels depend on, checked; kept as JSON."""

from __future__ import annotations

import json
import math
import numbers
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
        (0.0, 0.7999),
        (0.134, 0.7999),
        (0.386, 0.8815),
        (0.792, 0.9627),
        (1.287, 0.992),
        (1.78, 0.9982),
        (2.57, 0.9997),
        (3.45, 0.9999),
        (4.874, 1.0),
        (6.551, 1.0),
    ),
    "inclusion": (
        (0.125, 0.581),
        (0.375, 0.7123),
        (0.749, 0.8282),
        (1.252, 0.9296),
        (1.748, 0.974),
        (2.481, 0.994),
        (3.473, 0.9992),
        (4.877, 0.9998),
        (7.515, 0.9999),
        (11.01, 0.9999),
    ),
    "pore": (
        (0.124, 0.588),
        (0.374, 0.6881),
        (0.746, 0.7987),
        (1.248, 0.8976),
        (1.742, 0.9404),
        (2.478, 0.9641),
        (3.471, 0.971),
        (4.879, 0.9736),
        (7.51, 0.9821),
        (10.987, 0.9988),
    ),
    "fracture": (
        (0.123, 0.8995),
        (0.378, 0.9525),
        (0.76, 0.9756),
        (1.258, 0.9934),
        (1.758, 0.9968),
        (2.507, 0.9993),
        (3.489, 0.9995),
        (4.874, 0.9998),
        (7.148, 0.9999),
        (10.546, 0.9999),
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
            raise InputError(f"method {self.method!r} is not known: {nearest(str(self.method), METHODS)}")
        for of, prefix in ((self, ""), (self.bright, "bright."), (self.dark, "dark.")):
            for one in fields(of):
                _check(prefix + one.name, getattr(of, one.name), one.default)
        if self.window < 1:
            raise InputError(f"window = {self.window!r}: at least 1 pixel is wanted")
        for kind in ("background", *KINDS):
            knots = self.calibration.get(kind, ())
            if not knots or any(not (math.isfinite(at) and 0 <= share <= 1) for at, share in knots) or [*knots] != sorted(knots):
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


def _check(name: str, value: Any, default: Any) -> None:
    """Refuse a truth value or a number that is none; the default tells which is wanted."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise InputError(f"{name} = {value!r}: true or false is wanted")
    elif isinstance(default, int | float):
        wanted = "whole" if isinstance(default, int) else "finite"
        kind = numbers.Integral if isinstance(default, int) else numbers.Real
        if isinstance(value, bool) or not isinstance(value, kind) or not 0 <= float(value) < math.inf:
            raise InputError(f"{name} = {value!r}: a {wanted} number of at least 0 is wanted")


def _known(given: Mapping[str, Any], of: type[Any], origin: str) -> None:
    names = [one.name for one in fields(of)]
    for name in given:
        if name not in names:
            raise InputError(f"{origin}: there is no parameter {name!r}: {nearest(name, names)}")
