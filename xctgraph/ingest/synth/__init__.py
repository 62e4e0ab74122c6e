"""4D samples with known truth."""

from __future__ import annotations

from xctgraph.ingest.synth.generate import SynthResult, generate
from xctgraph.ingest.synth.spec import VISIBLE_VOXELS, SynthSpec
from xctgraph.ingest.synth.truth import Truth, read

__all__ = ["VISIBLE_VOXELS", "SynthResult", "SynthSpec", "Truth", "generate", "read"]
