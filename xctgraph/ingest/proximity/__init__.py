"""Which features of one scan are close: NEAR by surface gap, TOUCHES by shared faces, clusters and local density."""

from xctgraph.ingest.proximity.clusters import clusters
from xctgraph.ingest.proximity.density import local_density
from xctgraph.ingest.proximity.near import near
from xctgraph.ingest.proximity.spheres import near_spheres
from xctgraph.ingest.proximity.touches import touches

__all__ = ["clusters", "local_density", "near", "near_spheres", "touches"]
