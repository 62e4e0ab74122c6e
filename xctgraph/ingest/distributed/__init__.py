"""Measuring by the workers of a Dask cluster: slabs are looked at wherever there is room, scans put together by one of them."""

from __future__ import annotations

from xctgraph.ingest.distributed.cluster import Cluster

__all__ = ["Cluster"]
