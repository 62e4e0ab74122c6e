"""The flat record as Parquet, and tracks as one table of points: for pandas, R, spreadsheets."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import csv
from pyarrow import parquet as pq

from xctgraph.analysis.snapshots import bundle, subgraph
from xctgraph.analysis.snapshots.columns import KEYS, TEMPORAL
from xctgraph.analysis.snapshots.selection import Selection
from xctgraph.store import files, schema

ROW_GROUP = 131_072

TRACK_COLUMNS = ("track_id", "t", "feature_id", "uid", "kind", "z", "y", "x", "volume", "equivalent_diameter", "sphericity")


def write_parquet(selection: Selection, out: Path) -> list[Path]:
    """Write `TABLE.parquet` for every table of nodes and edges that has rows, `scans.parquet`, `tracks.csv`, RO-Crate metadata.

    One scan is in memory at a time. Units and meanings are the metadata of the Parquet fields.

    Parameters
    ----------
    out
        Folder: new, empty, or an earlier export.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If `out` is a file or holds other things.
    """
    bundle.claim(out)
    written: dict[str, pq.ParquetWriter] = {}
    names = {table.edge: table.name for table in schema.TABLES.values() if table.edge}
    try:
        for part in subgraph.scans(selection):
            tables = dict(part.nodes) | {names[relation]: rows for relation, rows in part.edges.items() if relation in names}
            for name, rows in tables.items():
                if rows.num_rows and name not in written:
                    written[name] = pq.ParquetWriter(out / f"{name}.parquet", rows.schema, compression="zstd")
                if rows.num_rows:
                    written[name].write_table(rows, row_group_size=ROW_GROUP)
    finally:
        for writer in written.values():
            writer.close()
    found = [out / f"{name}.parquet" for name in written]
    scans = pa.concat_tables([selection.source.read("scans", **scan.where) for scan in selection.scans])
    pq.write_table(scans, out / "scans.parquet", compression="zstd")
    write_tracks(selection, out / "tracks.csv")
    found += [out / "scans.parquet", out / "tracks.csv"]
    held = {c.name: c for table in (*KEYS, *(t for t in names.values() if t in TEMPORAL)) for c in schema.TABLES[table].columns}
    bundle.describe(out, "tables of features, edges and tracks", selection.source, found, list(held.values()))
    return found


def write_tracks(selection: Selection, out: Path) -> None:
    """Write one row per feature, by track and scan: `TRACK_COLUMNS` and the time of the scan; units are in the header."""
    columns = [schema.FEATURES.column(name) for name in TRACK_COLUMNS]
    pieces = []
    for scan in selection.scans:
        rows = selection.features(scan, TRACK_COLUMNS)
        pieces.append(rows.append_column("time [s]", pa.repeat(pa.scalar(scan.row["time_s"], pa.float64()), rows.num_rows)))
    rows = pa.concat_tables(pieces).sort_by([("track_id", "ascending"), ("t", "ascending")])
    headed = [f"{c.name} [{c.unit}]" if c.unit not in ("", "1") else c.name for c in columns]
    with files.new_file(out) as temporary:
        csv.write_csv(rows.rename_columns([*headed, "time [s]"]), temporary)
