"""Touching features told apart: watershed of the distance to the surface, component by component."""

from __future__ import annotations

from xctgraph.ingest.splitting.parts import Parts, split

__all__ = ["Parts", "split"]
