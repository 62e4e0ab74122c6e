"""A graph-database-backed spatiotemporal feature store for 4D X-ray CT of materials."""

from __future__ import annotations

from xctgraph.store import Store, open_store
from xctgraph.store.errors import XctGraphError

__version__ = "0.1.0"

__all__ = ["Store", "XctGraphError", "__version__", "open_store"]
