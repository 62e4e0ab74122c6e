"""Fractures as objects: patches and opening, front sites and what lies ahead of them, advance until the next scan."""

from xctgraph.ingest.fractures.objects import GEOMETRY, KIND, Asked, Objects, find
from xctgraph.ingest.fractures.surroundings import Surroundings

__all__ = ["GEOMETRY", "KIND", "Asked", "Objects", "Surroundings", "find"]
