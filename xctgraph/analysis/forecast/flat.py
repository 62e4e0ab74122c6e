"""Models of flat columns: what graphs are held against. scikit-learn is imported where it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from xctgraph.analysis.forecast.columns import DENSITY, DISTANCE, FEATURES, PLACE
from xctgraph.analysis.forecast.metrics import log_loss
from xctgraph.analysis.forecast.rows import Floats, Ints, Rows

KNOTS = 6
TREES = 400
RATE = 0.05
LEAVES = 8
"""Small trees and slow steps: events are rare."""


class Model(Protocol):
    """Fitted to rows; gives each row a chance."""

    def predict_proba(self, x: Any) -> Any:
        """Chances (n, 2) of not happening and of happening."""


def distance(rows: Rows, part: Ints, seed: int) -> Floats:
    """The distance to the front alone: of a defect along, across and to the fracture; of a site that to the surface."""
    return _better(rows, part, _named(rows, DISTANCE if rows.target == "swallowed" else ("surface_distance",)), seed)


def place(rows: Rows, part: Ints, seed: int) -> Floats:
    """All that has nothing to do with other defects: distance, geometry of the front; of a defect its kind, size and shape."""
    return _better(rows, part, place_columns(rows), seed)


def density(rows: Rows, part: Ints, _: int) -> Floats:
    """Logistic model of the local density, beside a smooth function of the place."""
    return _chance(rows, _smooth(rows, part, place_columns(rows), _named(rows, DENSITY[rows.target])))


def trees(rows: Rows, part: Ints, seed: int) -> Floats:
    """Gradient-boosted trees on all flat columns."""
    return _chance(rows, _trees(rows, part, rows.names, seed))


FLAT: dict[str, Callable[[Rows, Ints, int], Floats]] = {"distance": distance, "place": place, "density": density, "trees": trees}
"""Chance (n,) of each row by rows, part (0 training, 1 validation) and seed."""


def place_columns(rows: Rows) -> tuple[str, ...]:
    """Columns of `place`."""
    own = tuple(name for name in FEATURES if name != "local_density") if rows.target == "swallowed" else ()
    kinds = tuple(name for name in rows.names if name.startswith("is_"))
    return tuple(dict.fromkeys((*PLACE[rows.target], *own, *kinds)))


def _named(rows: Rows, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in rows.names)


def _better(rows: Rows, part: Ints, names: tuple[str, ...], seed: int) -> Floats:
    """Of a smooth function and trees that which has the smaller loss in validation: a reference must not lose by its form."""
    found = [_chance(rows, _smooth(rows, part, names, ())), _chance(rows, _trees(rows, part, names, seed))]
    held = part == 1
    return min(found, key=lambda chance: float(log_loss(rows.y[held], chance[held])[0]))


def _chance(rows: Rows, model: tuple[Model, Callable[[Rows], Any]]) -> Floats:
    fitted, design = model
    chance: Floats = fitted.predict_proba(design(rows))[:, 1]
    return chance


def _trees(rows: Rows, part: Ints, names: tuple[str, ...], seed: int) -> tuple[Model, Callable[[Rows], Any]]:
    """Histogram gradient boosting (G. Ke et al., NeurIPS 2017), stopped where validation no longer gains."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=TREES, learning_rate=RATE, max_leaf_nodes=LEAVES, l2_regularization=1.0, early_stopping=True, random_state=seed
    )
    train, val = part == 0, part == 1
    x = rows.columns(names)
    model.fit(x[train], rows.y[train], X_val=x[val], y_val=rows.y[val])
    return model, lambda other: other.columns(names)


def _smooth(rows: Rows, part: Ints, place: tuple[str, ...], straight: tuple[str, ...]) -> tuple[Model, Callable[[Rows], Any]]:
    """Logistic model of cubic splines of `place`, of the products of those of ahead and beside, and of `straight` as they are."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import SplineTransformer

    train = part == 0
    middle = np.nan_to_num(np.nanmedian(rows.x[train], axis=0))
    spread = np.nan_to_num(np.nanstd(rows.x[train], axis=0))
    held = [name for name in (*place, *straight) if spread[rows.names.index(name)] > 0]

    def filled(other: Rows, name: str) -> Floats:
        k = rows.names.index(name)
        value: Floats = np.where(np.isnan(other.x[:, k]), middle[k], other.x[:, k]).astype(np.float64)
        return value

    def scaled(other: Rows, name: str) -> Floats:
        k = rows.names.index(name)
        value: Floats = ((filled(other, name) - middle[k]) / spread[k])[:, None]
        return value

    splines = {}
    for name in (name for name in held if name in place and not name.startswith("is_")):
        spline = SplineTransformer(n_knots=KNOTS, knots="quantile")
        splines[name] = spline.fit(filled(rows, name)[train, None])

    def design(other: Rows) -> Floats:
        curves = {name: spline.transform(filled(other, name)[:, None]) for name, spline in splines.items()}
        columns = list(curves.values()) + [scaled(other, name) for name in held if name not in splines]
        if {"ahead", "beside"} <= set(curves):
            columns.append((curves["ahead"][:, :, None] * curves["beside"][:, None, :]).reshape(len(other), -1))
        return np.concatenate(columns, axis=1) if columns else np.zeros((len(other), 1))

    model = LogisticRegression(max_iter=1000)
    model.fit(design(rows)[train], rows.y[train])
    return model, design
