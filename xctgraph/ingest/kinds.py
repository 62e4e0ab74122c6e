"""Kind of every feature: the class it was segmented as, with dark features told apart into pores and fractures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.store.errors import InputError

DARK = "dark"


@dataclass(frozen=True)
class Rule:
    """When a dark feature is a fracture and not a pore: it is large, and it is flat or has far more surface than a sphere.

    Parameters
    ----------
    min_voxels
        Voxels of the smallest fracture. Below a few hundred voxels (a sphere of 8 voxels across) the axes of compact pores
        scatter so much that some look flat.
    max_flatness
        Largest ratio of the minor to the intermediate axis. A plate a few voxels thick and tens wide has 0.05 to 0.2, a crack
        that bends up to 0.4; pores are compact (above 0.5), and a long, round pore has a ratio near 1, too.
    max_sphericity
        Largest sphericity of a fracture that isn't flat as a whole because it branches or turns. A sphere has 1, a rod of
        ten diameters 0.6, an ellipsoid with axes 3:2:1 0.8; a branching crack less than 0.3.
    max_extent
        Largest share of its bounding box that a fracture that isn't flat fills. A branching crack fills less than 0.1; a pore
        space that runs through the whole volume, as in snow (0.4), has as much surface, but fills more.
    """

    min_voxels: int = 300
    max_flatness: float = 0.45
    max_sphericity: float = 0.3
    max_extent: float = 0.2

    def __post_init__(self) -> None:
        if self.min_voxels < 1:
            raise InputError(f"min_voxels = {self.min_voxels} of the fracture rule is not valid: it must be 1 or more")
        for name in ("max_flatness", "max_sphericity", "max_extent"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} = {getattr(self, name)} of the fracture rule is not valid: it must lie in 0 to 1")


DEFAULT_RULE = Rule()


def assign(features: pa.Table, classes: Sequence[str] | NDArray[np.str_] | pa.Array, rule: Rule = DEFAULT_RULE) -> pa.Array:
    """Kind of every feature.

    Parameters
    ----------
    features
        Result of `measurement.measure`.
    classes
        Class of every feature, in the order of the rows. `dark` becomes `fracture` or `pore`; all others are kinds already.
    rule
        When a dark feature is a fracture.

    Returns
    -------
    Array of strings, one per row.

    Raises
    ------
    InputError
        If there are not as many classes as features.
    """
    names = classes if isinstance(classes, pa.Array) else pa.array(classes, pa.string())
    if len(names) != features.num_rows:
        raise InputError(f"{len(names)} classes were given for {features.num_rows} features: give one per feature")
    minor, intermediate = (features.column(f"axis_{name}_length").to_numpy() for name in ("minor", "intermediate"))
    flat = minor <= rule.max_flatness * intermediate
    n_voxels = features.column("n_voxels").to_numpy()
    box = np.prod(
        [features.column(f"bbox_{a}_max").to_numpy() - features.column(f"bbox_{a}_min").to_numpy() for a in "zyx"], axis=0
    )
    sprawling = (features.column("sphericity").to_numpy() <= rule.max_sphericity) & (n_voxels <= rule.max_extent * box)
    fracture = (n_voxels >= rule.min_voxels) & (flat | sprawling)
    dark_kind = pc.if_else(pa.array(fracture), pa.scalar("fracture"), pa.scalar("pore"))
    return pc.if_else(pc.equal(names, DARK), dark_kind, names)
