"""What became of each feature: displacement between two scans, links, splits, merges and swallowings."""

from xctgraph.ingest.correspondence.field import displacement_at, to_reference
from xctgraph.ingest.correspondence.link import Links, Said, link
from xctgraph.ingest.correspondence.side import ScanSide, shifted, side_in

__all__ = ["Links", "Said", "ScanSide", "displacement_at", "link", "shifted", "side_in", "to_reference"]
