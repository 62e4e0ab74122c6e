"""Volumes: HDF5 and NeXus, Zarr and OME-Zarr, TIFF, folders of slices and .npy, read slab by slab with axes (z, y, x)."""

from xctgraph.ingest.volumes.axes import Axes
from xctgraph.ingest.volumes.base import FileVolume
from xctgraph.ingest.volumes.crop import Crop, crop
from xctgraph.ingest.volumes.fingerprint import fingerprint
from xctgraph.ingest.volumes.open_volume import open_volume
from xctgraph.ingest.volumes.protocol import Metadata, Volume
from xctgraph.ingest.volumes.reader_process import metadata_apart, open_apart, reader_process
from xctgraph.ingest.volumes.registry import Reader, readers, register, unregister

__all__ = [
    "Axes",
    "Crop",
    "FileVolume",
    "Metadata",
    "Reader",
    "Volume",
    "crop",
    "fingerprint",
    "metadata_apart",
    "open_apart",
    "open_volume",
    "reader_process",
    "readers",
    "register",
    "unregister",
]
