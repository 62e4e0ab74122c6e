"""What the user declares about tables: the models behind the `DATASET.toml` of `xctgraph ingest tables`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from xctgraph.ingest import config
from xctgraph.ingest.tables.formats import COLUMNS
from xctgraph.store.errors import nearest
from xctgraph.store.ids import MAX_T


class TableSample(config.Sample):
    """The specimen, and the volume that its tables were made from."""

    shape: tuple[config.Count, config.Count, config.Count] = Field(
        description="voxels of the volume the tables were made from, [z, y, x]"
    )


class Layout(config.Section):
    """How the tables look."""

    format: Literal["avizo", "dragonfly", "fiji", "morpholibj", "porespy", "geff", "csv"] = Field(
        "csv", description="program that made the tables: decides column names and units that are not declared"
    )
    path: config.Place | None = Field(None, description="one file for all scans; it needs a column `t`")
    kind: str | None = Field(None, min_length=1, description="kind of all features, where there is no column `kind`")
    separator: str | None = Field(
        None, min_length=1, max_length=1, description="between cells; found from the heading if not given"
    )
    decimal: Literal[".", ","] = Field(".", description="decimal mark")
    origin: tuple[config.Finite, config.Finite, config.Finite] | None = Field(
        None, description="coordinates of the centre of the first voxel [z, y, x], in the unit of the positions"
    )


class TableScan(config.Section):
    """One scan of the series, or one of several tables of it, such as pores and inclusions."""

    t: int = Field(strict=True, ge=0, le=MAX_T, description="index of the scan")
    path: config.Place | None = Field(None, description="CSV, TSV or Parquet file, or GEFF folder")
    kind: str | None = Field(None, min_length=1, description="kind of the features of this table")
    time_s: config.Finite | None = Field(None, description="time since the start of the test in seconds")
    load_n: config.Finite | None = Field(None, description="load in newton")
    strain: config.Finite | None = Field(None, description="engineering strain")
    strain_rate: config.Finite | None = Field(None, description="strain rate in 1/s")
    acquired_at: config.Time | None = Field(None, description="start of the acquisition, ISO 8601")
    acquisition_s: config.NotNegative | None = Field(None, description="duration of the acquisition in seconds")
    hold: Literal["load", "displacement"] | None = Field(None, description="what was held during the scan")
    hold_s: config.NotNegative | None = Field(None, description="time for which it had been held when the scan began, in seconds")
    temperature_k: config.Positive | None = Field(None, description="temperature of the specimen in kelvin")


class TableDataset(config.Declared):
    """A time series of tables of the features of one sample."""

    sample: TableSample
    table: Layout = Field(default_factory=Layout)
    columns: dict[str, str] = Field(
        default_factory=dict, description="heading of each column that is not called as in the format"
    )
    units: dict[str, str] = Field(
        default_factory=dict, description="unit of `position`, of `size` (a length, also for areas and volumes), or of one column"
    )
    kinds: dict[str, str] = Field(default_factory=dict, description="kind of each code in the column `kind`")
    scan: list[TableScan] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self) -> TableDataset:
        for name in self.columns:
            if name not in COLUMNS:
                raise ValueError(f"[columns] names no column {name!r}: {nearest(name, COLUMNS)}")
        measured = [name for name, (dimension, _) in COLUMNS.items() if dimension in ("position", "length", "area", "volume")]
        for name in self.units:
            if name not in ("position", "size", *measured):
                raise ValueError(f"[units] names no quantity {name!r}: {nearest(name, ['position', 'size', *measured])}")
        if self.sample.axes != "zyx":
            raise ValueError("`axes` belongs to volumes: in tables, [columns] says which heading is z, y and x")
        if self.table.path is None:
            if not self.scan:
                raise ValueError("nothing to ingest: give [[scan]] with t and path, or one file as `path` in [table]")
            for scan in self.scan:
                if scan.path is None:
                    raise ValueError(f"scan t = {scan.t} has no `path`: give one, or one file for all scans as `path` in [table]")
        elif any(scan.kind is not None for scan in self.scan):
            raise ValueError(
                "a [[scan]] has a `kind`, but all scans stand in one file: give `kind` in [table], or a column `kind`"
            )
        elif any(scan.path is not None for scan in self.scan):
            raise ValueError("both [table] and a [[scan]] have a `path`: give one file for all scans, or one for each")
        if self.table.format == "geff" and self.correspondence.links is not None:
            raise ValueError("a GEFF holds the links itself: leave out `links` in [correspondence]")
        self._once()
        return self

    def _once(self) -> None:
        seen: set[tuple[int, str | None, str | None]] = set()
        for scan in self.scan:
            for other in self.scan:
                for name in TableScan.model_fields.keys() - {"t", "path", "kind"}:
                    a, b = getattr(scan, name), getattr(other, name)
                    if scan.t == other.t and a is not None and b is not None and a != b:
                        raise ValueError(f"t = {scan.t} has two values of {name}, {a} and {b}: give one")
            key = (scan.t, scan.path, scan.kind)
            if key in seen or (self.table.path is not None and any(t == scan.t for t, _, _ in seen)):
                raise ValueError(f"t = {scan.t} is given twice with the same table: each needs its own t or kind")
            seen.add(key)


def load(path: Path) -> TableDataset:
    """Read the `DATASET.toml` of `xctgraph ingest tables`; relative paths in it become relative to its folder.

    Raises
    ------
    InputError
        If the file cannot be read, is not TOML, or does not fit the model. All faults are named at once.
    """
    dataset = config.check(TableDataset, config.read_toml(path), str(path))
    folder = path.parent
    scans = [scan if scan.path is None else scan.model_copy(update={"path": str(folder / scan.path)}) for scan in dataset.scan]
    table, correspondence = dataset.table, dataset.correspondence
    if table.path is not None:
        table = table.model_copy(update={"path": str(folder / table.path)})
    if correspondence.links is not None:
        correspondence = correspondence.model_copy(update={"links": str(folder / correspondence.links)})
    return dataset.model_copy(update={"scan": scans, "table": table, "correspondence": correspondence})
