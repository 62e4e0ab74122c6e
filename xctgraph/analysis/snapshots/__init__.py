"""Graphs for graph learning: one per scan, holding nothing that was not known at that scan."""

from __future__ import annotations

from xctgraph.analysis.snapshots.files import load, write_pyg
from xctgraph.analysis.snapshots.normalisation import Normalisation
from xctgraph.analysis.snapshots.pyg import iter_pyg, pyg, pyg_pairs
from xctgraph.analysis.snapshots.selection import Selection, select
from xctgraph.analysis.snapshots.stacked import aligned, event_stream, spatiotemporal

__all__ = [
    "Normalisation",
    "Selection",
    "aligned",
    "event_stream",
    "iter_pyg",
    "load",
    "pyg",
    "pyg_pairs",
    "select",
    "spatiotemporal",
    "write_pyg",
]
