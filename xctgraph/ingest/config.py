"""What the user declares about a dataset: the models behind `DATASET.toml`.

Unknown fields are errors that name the nearest valid one. Paths are relative to the file they stand in.
"""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from xctgraph.ingest.space import Space
from xctgraph.ingest.volumes import region
from xctgraph.ingest.volumes.protocol import Box
from xctgraph.store.errors import InputError, nearest
from xctgraph.store.ids import MAX_T
from xctgraph.store.schema import KINDS


def _per_axis(value: object) -> object:
    return [value] * 3 if isinstance(value, int | float) and not isinstance(value, bool) else value


def _rounded(sizes: tuple[float, float, float]) -> tuple[float, float, float]:
    """Drop what the conversion of units adds in the last digits, so that 1630 nm and 1.63 um are one voxel size."""
    z, y, x = (float(f"{size:.12g}") for size in sizes)
    return z, y, x


def _ranges(value: object) -> object:
    return region.parse(value) if isinstance(value, str) else value


def _iso(value: object) -> str:
    """A date and time, also as TOML writes it without quotes."""
    if not isinstance(value, str | date):
        raise ValueError("a date and time is wanted, as in 2026-05-04T10:30:00+01:00")
    try:
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).isoformat()
    except ValueError:
        raise ValueError("no date and time of ISO 8601, as in 2026-05-04T10:30:00+01:00") from None


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
VoxelSize = Annotated[tuple[Positive, Positive, Positive], BeforeValidator(_per_axis), AfterValidator(_rounded)]
Voxel = Annotated[int, Field(ge=0)]
Range = tuple[Voxel, Voxel | None]
Roi = Annotated[tuple[Range, Range, Range], BeforeValidator(_ranges)]
Time = Annotated[str, BeforeValidator(_iso)]
Count = Annotated[int, Field(ge=1)]
Axes = Annotated[str, Field(pattern="^(zyx|zxy|yzx|yxz|xzy|xyz)$")]


class Section(BaseModel):
    """A section of a dataset: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sample(Section):
    """The specimen."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="name of the sample: letters, digits, _ . -")
    voxel_size_um: VoxelSize = Field(description="edge length of a voxel in micrometres: one number, or [z, y, x]")
    insist_on_voxel_size: bool = Field(
        False, description="use `voxel_size_um` even where a file states another one, twice or half as large or more"
    )
    axes: Axes = Field("zyx", description="order of the axes in the files")
    roi: Roi | None = Field(
        None, description="region of interest of all scans: only it is read; coordinates stay those of the volume"
    )
    material: str | None = Field(None, description="material")
    environment: str | None = Field(None, description="environment of the test")
    orientation: str | None = Field(None, description="orientation of the specimen")
    thickness_um: Positive | None = Field(None, description="thickness of the specimen in micrometres")
    rotation_axis: tuple[Finite, Finite] | None = Field(
        None,
        description="rotation axis of the tomography as `[y, x]` in voxels, about which rings are sought; "
        "if not given, the centre of the slices",
    )
    notes: str | None = Field(None, description="free text")


class Segmentation(Section):
    """How grey values become classes of voxels."""

    method: Literal["otsu", "threshold", "mask", "labels"] = Field(
        "otsu",
        description="otsu: thresholds found from the histogram; threshold: given ones; mask: a volume whose values are kinds; "
        "labels: a volume whose values are features",
    )
    bright: Finite | None = Field(None, description="threshold: grey values above it are inclusions")
    dark: Finite | None = Field(None, description="threshold: grey values below it are pores or fractures")
    kinds: dict[Annotated[int, Field(ge=1)], str] = Field(
        default_factory=lambda: {1: "inclusion"},
        description="mask: kind of each value ({1: inclusion} if not given); labels: kind of labels that differ from `kind`",
    )
    kind: str = Field("inclusion", description="labels: kind of the features")
    fracture_min_voxels: int = Field(300, ge=1, description="a dark feature with fewer voxels is a pore")
    fracture_max_flatness: float = Field(
        0.45,
        ge=0,
        le=1,
        description="a large dark feature is a fracture if its minor axis is at most this share of the intermediate",
    )
    fracture_max_sphericity: float = Field(
        0.3, ge=0, le=1, description="… or if it branches or bends: a sphericity of at most this"
    )
    fracture_max_extent: float = Field(0.2, ge=0, le=1, description="… that fills at most this share of its bounding box")

    @model_validator(mode="after")
    def _thresholds(self) -> Segmentation:
        if self.method == "threshold" and self.bright is None and self.dark is None:
            raise ValueError("method 'threshold' needs `bright`, `dark` or both")
        if self.method != "threshold" and (self.bright is not None or self.dark is not None):
            raise ValueError(f"`bright` and `dark` belong to method 'threshold', not to {self.method!r}")
        if self.bright is not None and self.dark is not None and self.dark >= self.bright:
            raise ValueError(f"`dark` ({self.dark}) must be smaller than `bright` ({self.bright})")
        return self


class Measure(Section):
    """How voxels become features."""

    connectivity: Literal[6, 18, 26] = Field(26, description="neighbours of a voxel that belong to the same feature")
    min_voxels: int | None = Field(
        None, ge=1, description="smaller features are dropped; if not given, 5 for otsu (noise) and 1 otherwise"
    )
    split: tuple[str, ...] = Field(
        (), description="kinds whose touching features are told apart by a watershed (docs/splitting.md); none if not given"
    )
    split_depth_um: Positive | None = Field(
        None,
        description="a part is one whose inscribed sphere has a radius larger than that of its neck by at least this; if not "
        "given, 1.5 voxel edges",
    )
    split_min_voxels: int = Field(100, ge=1, description="smaller features are left whole")


class Proximity(Section):
    """Which features are near each other."""

    gap_um: Positive | None = Field(None, description="largest gap of a NEAR edge; if not given, 16 voxel edges")
    cluster_gap_um: Positive | None = Field(None, description="largest gap inside a cluster; if not given, a third of `gap_um`")
    density_radius_um: Positive | None = Field(None, description="radius of local_density; if not given, twice `gap_um`")


class Correspondence(Section):
    """How features are followed from scan to scan."""

    max_drift_um: Positive | None = Field(None, description="largest drift looked for; if not given, half the volume")


class Watch(Section):
    """Which entries of the folder given to `--watch` are scans, and when one is finished."""

    pattern: str = Field("*", min_length=1, description="names of scans below the folder: `*.nxs`, or `*/recon.h5`")
    settle_s: NotNegative = Field(
        10.0, description="a scan is finished once names, sizes and times of its files have not changed for so many seconds"
    )
    dataset: str | None = Field(None, description="path of the volume in each HDF5 file; if not given, it is looked for")
    slices: int | None = Field(None, ge=1, description="slices of a finished scan, for folders of slices")
    marker: bool = Field(
        False, description="a scan is finished once `NAME.done` stands beside it, or `.done` in it, and not before"
    )
    first_t: int | None = Field(
        None,
        ge=0,
        description="t of the first scan in the folder; if not given, 0, or one past the scans ingested from elsewhere",
    )


class Scan(Section):
    """One volume of the series."""

    t: int = Field(ge=0, le=MAX_T, description="index of the scan")
    path: str = Field(
        description="HDF5 (also FILE.h5:/path), Zarr or OME-Zarr (also STORE.zarr:/path, STORE.zarr:t=3), TIFF, folder of TIFF "
        "slices, .npy, or what an installed reader takes"
    )
    labels: str | None = Field(None, description="mask or label volume of this scan, for the methods mask and labels")
    mask: str | None = Field(None, description="sample mask: voxels where it is 0 are not material")
    roi: Roi | None = Field(None, description="region of interest of this scan in place of the sample's")
    time_s: Finite | None = Field(None, description="time since the start of the test in seconds")
    load_n: Finite | None = Field(None, description="load in newton")
    strain: Finite | None = Field(None, description="engineering strain")
    strain_rate: Finite | None = Field(None, description="strain rate in 1/s")
    acquired_at: Time | None = Field(None, description="start of the acquisition, ISO 8601")
    acquisition_s: NotNegative | None = Field(None, description="duration of the acquisition in seconds")
    hold: Literal["load", "displacement"] | None = Field(None, description="what was held during the scan")
    hold_s: NotNegative | None = Field(None, description="time for which it had been held when the scan began, in seconds")
    temperature_k: Positive | None = Field(None, description="temperature of the specimen in kelvin")


class Declared(Section):
    """What every dataset says: its sample, what is near, how features are followed."""

    sample: Sample
    proximity: Proximity = Field(default_factory=Proximity)
    correspondence: Correspondence = Field(default_factory=Correspondence)

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

    def space(self, shape: tuple[int, int, int], box: Box | None = None) -> Space:
        """The volume of a scan of `shape` (z, y, x), of which `box` was read, and the distances that count in it."""
        return Space(shape, self.sample.voxel_size_um, self.gap_um, self.cluster_gap_um, self.density_radius_um, box)


class Dataset(Declared):
    """A time series of volumes of one sample, and how to turn it into features."""

    segmentation: Segmentation = Field(default_factory=Segmentation)
    measure: Measure = Field(default_factory=Measure)
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
    scans = [
        scan.model_copy(
            update={
                name: str(folder / value) for name in ("path", "labels", "mask") if (value := getattr(scan, name)) is not None
            }
        )
        for scan in dataset.scan
    ]
    return dataset.model_copy(update={"scan": scans})


def read_toml(path: Path) -> dict[str, Any]:
    """Content of a TOML file.

    Raises
    ------
    InputError
        If the file cannot be read, or is not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
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
    shown = "" if isinstance(value, dict | list) or value is None else f" (given: {value!r})"
    return f"{where!r}: {message}{shown}" if where else message


def _fields_at(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Fields of the section that a fault lies in."""
    section = model.model_fields.get(str(location[0])) if location else None
    inner = section.annotation if section is not None else model
    inner = next(iter(get_args(inner)), inner)
    return list(inner.model_fields) if isinstance(inner, type) and issubclass(inner, BaseModel) else list(model.model_fields)
