"""Properties of labelled features: position, shape, surface area, topology, grey values."""

from __future__ import annotations

from xctgraph.ingest.measurement.surface import direction_weights
from xctgraph.ingest.measurement.table import measure

__all__ = ["direction_weights", "measure"]
