"""Spatial statistics of features in the sample: 3D Ripley's K and L, pair correlation, nearest neighbours, Moran's I."""

from __future__ import annotations

from xctgraph.analysis.density.from_store import spatial_statistics
from xctgraph.analysis.density.moran import moran
from xctgraph.analysis.density.ripley import distances
from xctgraph.analysis.density.statistics import cross_ripley, ripley
from xctgraph.analysis.density.window import Window

__all__ = ["Window", "cross_ripley", "distances", "moran", "ripley", "spatial_statistics"]
