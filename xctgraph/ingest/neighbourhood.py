"""What is around each feature of one scan: NEAR, TOUCHES, clusters and local density, with voxels or without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.ingest import proximity
from xctgraph.ingest.space import Space
from xctgraph.store.labels import Labels

_NO_TOUCHES = {"source": pa.int64(), "target": pa.int64(), "contact_area": pa.float64()}


@dataclass(frozen=True)
class Neighbourhood:
    """Edges within a scan, which join labels; per row of the features, density and smallest label of its cluster."""

    near: pa.Table
    touches: pa.Table
    density: pa.Array
    cluster: pa.Array


def find(features: pa.Table, labels: Labels | None, space: Space) -> Neighbourhood:
    """Find what is around each feature.

    Parameters
    ----------
    features
        Columns label (there may be gaps where features were dropped), kind, z, y, x (um), volume (um^3).
    labels
        Voxels of the features, of dropped ones too; None where they have none: they are spheres then, and nothing touches.
    """
    label = features["label"].to_numpy()
    order = np.argsort(label, kind="stable")
    names = label[order]
    ranked = features.select(["kind", "z", "y", "x", "volume"]).take(pa.array(order))
    ranked = ranked.append_column("label", pa.array(np.arange(1, len(names) + 1), pa.int64()))
    reach = max(space.gap, space.cluster_gap)
    if labels is None:
        near = proximity.near_spheres(ranked, space.spacing, reach)
        touches = pa.table({name: pa.array([], kind) for name, kind in _NO_TOUCHES.items()})
    else:
        voxels = labels.renumbered(names)
        near = proximity.near(voxels, ranked, space.spacing, reach)
        touches = proximity.touches(voxels, ranked["kind"], space.spacing)
    back = np.argsort(order, kind="stable")
    cluster = names[proximity.clusters(len(names), near, space.cluster_gap) - 1][back]
    density = proximity.local_density(ranked, space.read_shape, space.spacing, space.density_radius, origin=space.origin)[back]
    near = near.filter(pc.less_equal(near["gap"], space.gap))
    return Neighbourhood(_named(near, names), _named(touches, names), pa.array(density), pa.array(cluster, pa.int64()))


def _named(edges: pa.Table, names: NDArray[np.int64]) -> pa.Table:
    for end in ("source", "target"):
        place = edges.column_names.index(end)
        edges = edges.set_column(place, end, pa.array(names[edges[end].to_numpy() - 1], pa.int64()))
    return edges
