"""Segmentation: from grey values, or a mask the user has, to classes of voxels, slab by slab."""

from xctgraph.ingest.segmentation.masks import classes
from xctgraph.ingest.segmentation.material import material_of
from xctgraph.ingest.segmentation.otsu import otsu
from xctgraph.ingest.segmentation.protocol import DARK, Segmenter
from xctgraph.ingest.segmentation.threshold import threshold

__all__ = ["DARK", "Segmenter", "classes", "material_of", "otsu", "threshold"]
