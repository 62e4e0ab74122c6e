"""A beamtime: scans are ingested as they appear in a folder, while the next is measured."""

from __future__ import annotations

from xctgraph.ingest.watch.event import Event
from xctgraph.ingest.watch.loop import Limits, watch

__all__ = ["Event", "Limits", "watch"]
