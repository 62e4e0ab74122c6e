"""Reports: one HTML file about a sample or a stored study that needs nothing else to be read."""

from __future__ import annotations

from xctgraph.analysis.report.context import context
from xctgraph.analysis.report.sample import write
from xctgraph.analysis.report.study import write_study

__all__ = ["context", "write", "write_study"]
