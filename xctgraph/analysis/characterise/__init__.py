"""What a sample holds and how it changes: counts, sizes, shapes, directions, places, displacement, by kind and scan."""

from __future__ import annotations

from xctgraph.analysis.characterise.from_store import characterise, keep
from xctgraph.analysis.characterise.result import Characterisation
from xctgraph.analysis.characterise.write import write

__all__ = ["Characterisation", "characterise", "keep", "write"]
