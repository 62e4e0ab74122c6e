"""Density ahead of stored front sites at any radius, counted in the voxels of their scans as the ingest does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xctgraph.analysis.growth.sites import Floats
from xctgraph.ingest import fractures, fronts
from xctgraph.ingest.fractures.ahead import ahead, roles
from xctgraph.ingest.volumes import region
from xctgraph.store import Store


def density(store: Store, sample: str, rows: pa.Table, features: pa.Table, radii: Sequence[float]) -> Floats:
    """Voxels of defects in the half-balls over those of material, without what lies outside the sample mask and the crack.

    At the radius of the stored fronts it is `local_density`.

    Parameters
    ----------
    store
        All scans of the sites with voxels. One scan is held at a time.
    sample
    rows : pyarrow.Table
        `front_sites`: columns t, z, y, x and direction_*.
    features : pyarrow.Table
        Of the sample: columns t, label, kind.
    radii : sequence of float, micrometres

    Returns
    -------
    (len(radii), n) float
        NaN where there is no material ahead.
    """
    (held,) = store.read("samples", sample=sample, columns=["voxel_z", "voxel_y", "voxel_x"]).to_pylist()
    spacing = held["voxel_z"], held["voxel_y"], held["voxel_x"]
    t_of = rows["t"].to_numpy()
    found = np.full((len(radii), rows.num_rows), np.nan)
    for t in np.unique(t_of).tolist():
        labels = store.labels(sample, t)
        (scan,) = store.read("scans", sample=sample, t=t).to_pylist()
        mask = fronts.mask(store.read("material_runs", sample=sample, t=t), labels.shape)
        around = fractures.Surroundings(labels, mask, region.stored(scan), spacing)
        present = features.filter(pc.equal(features["t"], t))
        fracture = pc.equal(present["kind"], fractures.KIND).to_numpy(zero_copy_only=False)
        role = roles(present["label"].to_numpy(), fracture, labels.n)
        here = np.flatnonzero(t_of == t)
        sites = rows.take(pa.array(here))
        points, direction = (np.column_stack([sites[f"{p}{axis}"].to_numpy() for axis in "zyx"]) for p in ("", "direction_"))
        for k, radius in enumerate(radii):
            found[k, here] = ahead(points, direction, radius, around, role).density
    return found
