"""Whether scans are linked as they should be: residuals of the displacement, what stays unlinked, how the sample deformed."""

from __future__ import annotations

from xctgraph.analysis.correspondence.from_store import correspondence
from xctgraph.analysis.correspondence.result import Correspondence

__all__ = ["Correspondence", "correspondence"]
