"""Grouped proportional hazards: the chance to advance between two scans, given the front and the place on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ROUNDS = 30
RIDGE = 1e-3


@dataclass(frozen=True)
class Fit:
    """Fitted chances.

    Attributes
    ----------
    probability : (n,) float
        To advance.
    slope : (n,) float
        Derivative of the probability by the log hazard.
    coefficients : (p,) float
    """

    probability: Floats
    slope: Floats
    coefficients: Floats


def fit(advanced: Bools, design: Floats, weight: Floats, offset: Floats | None = None, start: Floats | None = None) -> Fit:
    """Weighted maximum likelihood of P = 1 - exp(-exp(design @ coefficients + offset)).

    The complementary log-log link makes exp(coefficient) a ratio of hazards whatever the time between the scans
    (R. L. Prentice, L. A. Gloeckler, Biometrics 34 (1978) 57-67). Newton steps with the expected information, halved where they
    overshoot; a ridge of 1e-3 holds coefficients of columns that the data leave open.

    Parameters
    ----------
    advanced : (n,) bool
    design : (n, p) float
        Columns of about unit size.
    weight : (n,) float
        Mean about 1.
    offset : (n,) float, optional
        Known part of the log hazard.
    start : (p,) float, optional
        First guess.
    """
    known = np.zeros(len(advanced)) if offset is None else offset
    coefficients = np.zeros(design.shape[1]) if start is None else start
    state = _likelihood(advanced, design, weight, known, coefficients)
    for _ in range(ROUNDS):
        _, residual, square, _ = state
        score = design.T @ (weight * residual) - RIDGE * coefficients
        information = (design * (weight * square)[:, None]).T @ design + RIDGE * np.eye(design.shape[1])
        step = np.linalg.solve(information, score)
        for _ in range(8):
            tried = _likelihood(advanced, design, weight, known, coefficients + step)
            if tried[0] >= state[0] - 1e-9:
                break
            step = step / 2
        coefficients, state = coefficients + step, tried
        if np.abs(step).max() < 1e-6:
            break
    p = state[3]
    return Fit(p, -np.log1p(-p) * (1 - p), coefficients)


def _likelihood(
    advanced: Bools, design: Floats, weight: Floats, offset: Floats, coefficients: Floats
) -> tuple[float, Floats, Floats, Floats]:
    """Penalised log likelihood; residual, information and probability of each site."""
    hazard = np.exp(np.clip(design @ coefficients + offset, -12.0, 3.0))
    p = -np.expm1(-hazard)
    value = float(weight @ np.where(advanced, np.log(p), -hazard)) - RIDGE / 2 * float(coefficients @ coefficients)
    return value, hazard / p * (advanced - p), hazard**2 * (1 - p) / p, p
