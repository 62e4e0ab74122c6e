"""Graphs for graph learning: one per scan, holding nothing that was not known at that scan."""

from __future__ import annotations

from xctgraph.analysis.snapshots.files import load, write_pyg
from xctgraph.analysis.snapshots.pyg import iter_pyg, pyg

__all__ = ["iter_pyg", "load", "pyg", "write_pyg"]
