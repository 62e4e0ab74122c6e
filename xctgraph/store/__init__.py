"""The store: parts and manifest, DuckDB, graph engines, labels."""

from __future__ import annotations

from xctgraph.store.job import Job
from xctgraph.store.manifest import Manifest
from xctgraph.store.store import Store, discard_empty, open_store
from xctgraph.store.transaction import Transaction

__all__ = ["Job", "Manifest", "Store", "Transaction", "discard_empty", "open_store"]
