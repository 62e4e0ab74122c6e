"""3D labelling, streamed by slab: runs, union-find, exact moments; the label volume never exists."""

from __future__ import annotations

from xctgraph.ingest.labelling.contact import ContactFaces, contact_faces
from xctgraph.ingest.labelling.grey import Grey
from xctgraph.ingest.labelling.moments import Moments
from xctgraph.ingest.labelling.slab import Slab
from xctgraph.ingest.labelling.stream import Extracted, Labelled, extracted_of, fold, label

__all__ = ["ContactFaces", "Extracted", "Grey", "Labelled", "Moments", "Slab", "contact_faces", "extracted_of", "fold", "label"]
