"""Volumes: HDF5 and NeXus, TIFF, folders of slices and .npy, read slab by slab with axes (z, y, x)."""

from xctgraph.ingest.volumes.crop import Crop, crop
from xctgraph.ingest.volumes.fingerprint import fingerprint
from xctgraph.ingest.volumes.open_volume import open_volume
from xctgraph.ingest.volumes.protocol import Volume

__all__ = ["Crop", "Volume", "crop", "fingerprint", "open_volume"]
