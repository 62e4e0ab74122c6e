"""What a forecast sees of a defect, of a site and of an edge: known at t, and the same wherever the sample lies."""

from __future__ import annotations

from typing import Literal

Target = Literal["swallowed", "advanced"]

NODE: dict[Target, str] = {"swallowed": "defect", "advanced": "front_site"}
"""Node type that a target is of."""

FEATURES = ("volume", "equivalent_diameter", "sphericity", "axis_major_length", "axis_minor_length", "local_density")
"""Columns of a defect. Positions and directions are left out: a model would learn this sample's front by heart."""

SITE_PLACE = ("curvature", "surface_distance", "opening")
SITE_AHEAD = ("n_ahead", "local_density", "nearest_gap")
SITE = (*SITE_PLACE, *SITE_AHEAD)
"""Columns of a site: its place on the front, and the defects ahead of it."""

DISTANCE = ("ahead", "beside", "gap")
"""Of a defect, µm: from the nearest site along its outward direction and across it; to the fracture, by NEAR and TOUCHES."""

PLACE: dict[Target, tuple[str, ...]] = {
    "swallowed": (*DISTANCE, "equivalent_diameter", *(f"site_{name}" for name in SITE_PLACE)),
    "advanced": SITE_PLACE,
}
"""What "distance alone" may use: geometry of the front and, of a defect, where it lies and how large it is."""

DENSITY: dict[Target, tuple[str, ...]] = {
    "swallowed": ("local_density", *(f"site_{name}" for name in SITE_AHEAD)),
    "advanced": SITE_AHEAD,
}
"""The local density, in the forms that the store has."""

EDGES = {
    "NEAR": ("gap", "distance"),
    "TOUCHES": ("contact_area",),
    "FACES": ("gap", "along"),
    "NEXT": ("dt", "iou", "cost"),
}
"""Properties of the edges; `along` of FACES is the cosine of its direction and the outward direction of the site."""


def defect_columns(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Columns of a defect, in order; `kinds` are those of the store that are not fractures."""
    return (*FEATURES, *DISTANCE, *(f"site_{name}" for name in SITE), *(f"is_{kind}" for kind in kinds))
