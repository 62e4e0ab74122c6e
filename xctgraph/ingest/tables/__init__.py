"""Tables of features that other programs made: read, brought to one form, and ingested like scans."""

from xctgraph.ingest.tables.config import TableDataset, load
from xctgraph.ingest.tables.ingest import TablePlan, ingest, plan_tables

__all__ = ["TableDataset", "TablePlan", "ingest", "load", "plan_tables"]
