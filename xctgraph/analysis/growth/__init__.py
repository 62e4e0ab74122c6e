"""Whether fractures extend toward regions of higher defect density."""

from __future__ import annotations

from xctgraph.analysis.growth.from_store import toward_density
from xctgraph.analysis.growth.result import Growth
from xctgraph.analysis.growth.sites import Sites
from xctgraph.analysis.growth.toward import toward

__all__ = ["Growth", "Sites", "toward", "toward_density"]
