"""What a fracture swallows and where its front advances by the next scan, and whether the graph helps to tell."""

from __future__ import annotations

from xctgraph.analysis.forecast.from_store import forecast
from xctgraph.analysis.forecast.result import Answer, Forecast

__all__ = ["Answer", "Forecast", "forecast"]
