"""What the user declares about a dataset: the models behind `DATASET.toml`.

Unknown fields are errors that name the nearest valid one. Paths are relative to the file they stand in.
"""

from __future__ import annotations

import tomllib
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, TypeVar, get_args

import numpy as np
from pydantic import BaseModel, Field, ValidationError, model_validator

from xctgraph.ingest.config_sections import (
    Correspondence,
    Count,
    Finite,
    Fractures,
    Measure,
    NotNegative,
    Place,
    Positive,
    Proximity,
    Regions,
    Sample,
    Scan,
    Section,
    Segmentation,
    Time,
    Watch,
)
from xctgraph.ingest.space import Space
from xctgraph.ingest.volumes import places, region
from xctgraph.ingest.volumes.protocol import Box
from xctgraph.store.errors import InputError, nearest
from xctgraph.store.schema import KINDS

__all__ = [
    "Correspondence",
    "Count",
    "Dataset",
    "Declared",
    "Finite",
    "Fractures",
    "Measure",
    "NotNegative",
    "Place",
    "Positive",
    "Proximity",
    "Regions",
    "Sample",
    "Scan",
    "Section",
    "Segmentation",
    "Time",
    "Watch",
    "check",
    "load",
    "parse",
    "read_toml",
]


class Declared(Section):
    """What every dataset says: its sample, what is near, how features are followed, how it is summed up."""

    sample: Sample
    proximity: Proximity = Field(default_factory=Proximity)
    correspondence: Correspondence = Field(default_factory=Correspondence)
    regions: Regions = Field(default_factory=Regions)

    @model_validator(mode="after")
    def _clusters_are_near(self) -> Self:
        if self.cluster_gap_um > self.gap_um:
            raise ValueError(
                f"`cluster_gap_um` is {self.cluster_gap_um:g}, but gaps are only looked for up to `gap_um` = {self.gap_um:g}: "
                "give a larger `gap_um` under [proximity], or a smaller `cluster_gap_um`"
            )
        return self

    @property
    def gap_um(self) -> float:
        """Largest gap of a NEAR edge in micrometres."""
        return self.proximity.gap_um or 16 * max(self.sample.voxel_size_um)

    @property
    def cluster_gap_um(self) -> float:
        """Largest gap inside a cluster in micrometres."""
        return self.proximity.cluster_gap_um or self.gap_um / 3

    @property
    def density_radius_um(self) -> float:
        """Radius of the local density in micrometres."""
        return self.proximity.density_radius_um or 2 * self.gap_um

    @property
    def region_cell_um(self) -> float:
        """Edge of a cell of the regions in micrometres."""
        return self.regions.cell_um or 6 * self.gap_um

    def space(self, shape: tuple[int, int, int], box: Box | None = None) -> Space:
        """The volume of a scan of `shape` (z, y, x), of which `box` was read, and the distances that count in it."""
        return Space(shape, self.sample.voxel_size_um, self.gap_um, self.cluster_gap_um, self.density_radius_um, box)


class Dataset(Declared):
    """A time series of volumes of one sample, and how to turn it into features."""

    segmentation: Segmentation = Field(default_factory=Segmentation)
    measure: Measure = Field(default_factory=Measure)
    fractures: Fractures = Field(default_factory=Fractures)
    watch: Watch = Field(default_factory=Watch)
    scan: list[Scan] = Field(min_length=1)

    @model_validator(mode="after")
    def _scans(self) -> Dataset:
        seen: dict[int, str] = {}
        for scan in self.scan:
            if scan.t in seen:
                raise ValueError(
                    f"t = {scan.t} is given twice, for {seen[scan.t]!r} and {scan.path!r}: each scan needs its own t"
                )
            seen[scan.t] = scan.path
        timed = sorted((scan.t, scan.time_s) for scan in self.scan if scan.time_s is not None)
        for (t_a, time_a), (t_b, time_b) in pairwise(timed):
            if time_b <= time_a:
                raise ValueError(
                    f"scan t = {t_b} has time_s = {time_b:g}, but t = {t_a} before it has {time_a:g}: number the scans in the "
                    "order they were measured"
                )
        for scan in self.scan:
            if scan.labels is not None and self.segmentation.method not in ("mask", "labels"):
                raise ValueError(
                    f"scan t = {scan.t} has `labels`, but the segmentation method is {self.segmentation.method!r}: "
                    "set method = 'mask' (values are kinds) or 'labels' (values are features)"
                )
            if scan.confidence is not None and scan.labels is None:
                raise ValueError(f"scan t = {scan.t} has `confidence`, but no `labels` that it could belong to")
        self._check_split()
        return self

    def _check_split(self) -> None:
        if self.measure.split and self.segmentation.method == "labels":
            raise ValueError("`split` does not go with method 'labels': its values are the features, split them there")
        kinds = self.segmentation.kinds.values() if self.segmentation.method == "mask" else KINDS
        for kind in set(self.measure.split) - set(kinds):
            raise ValueError(f"`split` names {kind!r}, a kind that no feature will have: {nearest(kind, kinds)}")

    def roi(self, scan: Scan) -> region.Roi | None:
        """Region of interest of a scan; None for the whole volume."""
        return scan.roi or self.sample.roi

    @property
    def fronts(self) -> dict[str, float]:
        """Columns of `scans` that say what was asked of fractures, in micrometres; defaults filled in."""
        asked, edge = self.fractures, max(self.sample.voxel_size_um)
        mean = float(np.cbrt(np.prod(self.sample.voxel_size_um)))
        return {
            "front_spacing": asked.site_spacing_um or 5 * edge,
            "front_radius": asked.radius_um or max(25.0, 5 * edge),
            "front_threshold": asked.advanced_um or 1.5 * mean,
            "patch_area": asked.patch_um2 or 400 * mean**2,
        }

    @property
    def split_depth_um(self) -> float:
        """Depth from which touching features are told apart, in micrometres."""
        return self.measure.split_depth_um or 1.5 * max(self.sample.voxel_size_um)

    @property
    def min_voxels(self) -> int:
        """Size below which features are dropped."""
        return self.measure.min_voxels or (5 if self.segmentation.method == "otsu" else 1)


class WatchedDataset(Dataset):
    """A dataset whose scans are yet to be measured: it may list none."""

    scan: list[Scan] = Field(default_factory=list)

    @model_validator(mode="after")
    def _no_links(self) -> Self:
        if self.correspondence.links is not None:
            raise ValueError(
                "`links` of [correspondence] name scans that are there, --watch waits for scans: leave out one of the two"
            )
        return self


def load(path: Path, *, watched: bool = False) -> Dataset:
    """Read a `DATASET.toml`; relative paths in it become relative to its folder.

    With `watched` it may list no scans, since they will come.

    Raises
    ------
    InputError
        If the file cannot be read, is not TOML, or does not fit the model. All faults are named at once.
    """
    dataset = parse(read_toml(path), origin=str(path), watched=watched)
    folder = path.parent
    scans = [scan.moved(partial(places.beside, folder)) for scan in dataset.scan]
    links = dataset.correspondence.links
    correspondence = dataset.correspondence.model_copy(update={"links": None if links is None else str(folder / links)})
    model = dataset.segmentation.model
    segmentation = dataset.segmentation.model_copy(update={"model": None if model is None else str(folder / model)})
    return dataset.model_copy(update={"scan": scans, "segmentation": segmentation, "correspondence": correspondence})


def read_toml(path: Path) -> dict[str, Any]:
    """Content of a TOML file.

    Raises
    ------
    InputError
        If the file cannot be read, or is not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"there is no {path}: name a DATASET.toml (docs/dataset.md says what is in it)") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not valid TOML: {error}") from error


def parse(data: dict[str, Any], *, origin: str, watched: bool = False) -> Dataset:
    """Check a mapping against the model; `origin` names it in the error, with `watched` it may list no scans.

    Raises
    ------
    InputError
        Naming every field that is wrong, what is valid, and the nearest name of an unknown field.
    """
    return check(WatchedDataset if watched else Dataset, data, origin)


Model = TypeVar("Model", bound=BaseModel)


def check(model: type[Model], data: dict[str, Any], origin: str) -> Model:
    """Check a mapping against a model; `origin` names it in the error.

    Raises
    ------
    InputError
        Naming every field that is wrong, what is valid, and the nearest name of an unknown field.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = [_fault(model, dict(item)) for item in error.errors()]
        raise InputError(f"{origin}: " + "; ".join(faults)) from error


_SHOWN = 200
_MISSING = {
    "voxel_size_um": " (there is no default: give it as a number, or as [z, y, x])",
    "scan": ": give each volume a section [[scan]] with `t` and `path`",
    "sample": ": give a section [sample] with `id` and `voxel_size_um`",
    "id": ": give the sample a name, as in id = 'S1'",
    "path": ": name the file or folder of the scan",
    "shape": " (there is no default: voxels along [z, y, x] of the volume)",
    "t": ": give the scan an index, as in t = 0",
}
_PATTERNS = {
    "axes": "the order of the axes is z, y and x in some order, as in 'zyx'",
    "id": "the name of a sample is made of letters, digits, _ . - and begins with a letter or digit",
}


def _fault(model: type[BaseModel], item: dict[str, Any]) -> str:
    location = item["loc"]
    where = ".".join(str(part) for part in location)
    if item["type"] == "extra_forbidden":
        return f"unknown field {where!r}: {nearest(str(location[-1]), _fields_at(model, location[:-1]))}"
    if item["type"] == "missing":
        remedy = _MISSING.get(str(location[-1]), "")
        return f"{where!r} is missing{remedy}"
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "string_pattern_mismatch":
        message = _PATTERNS.get(str(location[-1]), message)
    value = item.get("input")
    shown = "" if isinstance(value, dict | list) or value is None else f" (given: {_short(value)})"
    return f"{where!r}: {message}{shown}" if where else message


def _short(value: object) -> str:
    # Python itself refuses to write integers of thousands of digits.
    text = f"about 2^{value.bit_length()}" if isinstance(value, int) and value.bit_length() > 1000 else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _fields_at(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Fields of the section that a fault lies in."""
    section = model.model_fields.get(str(location[0])) if location else None
    inner = section.annotation if section is not None else model
    inner = next(iter(get_args(inner)), inner)
    return list(inner.model_fields) if isinstance(inner, type) and issubclass(inner, BaseModel) else list(model.model_fields)
