"""Sections of `DATASET.toml`: one model each, every field described."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from xctgraph.ingest.volumes import region
from xctgraph.store.ids import MAX_T

SHORTEST_UM, LONGEST_UM = 1e-6, 1e9


def _per_axis(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        # Checked here, so that one wrong number is told once, and not for each axis.
        return [_of_sane_size(float(value) if abs(value) <= LONGEST_UM else LONGEST_UM * 2)] * 3
    if isinstance(value, list | tuple):
        return value
    raise ValueError("one number in micrometres is wanted, as in 1.63, or [z, y, x]; without a unit, and without quotes")


def _rounded(sizes: tuple[float, float, float]) -> tuple[float, float, float]:
    """Drop what the conversion of units adds in the last digits, so that 1630 nm and 1.63 um are one voxel size."""
    z, y, x = (float(f"{size:.12g}") for size in sizes)
    return z, y, x


def _of_sane_size(length: float) -> float:
    """A length whose cube neither under- nor overflows: from a picometre to a kilometre."""
    if not SHORTEST_UM <= length <= LONGEST_UM:
        raise ValueError(f"a length in micrometres is wanted, from {SHORTEST_UM:g} to {LONGEST_UM:g}")
    return length


def _named(path: str) -> str:
    """An empty path would be that of the folder which holds the dataset."""
    if not path.strip():
        raise ValueError("name a file or folder")
    return path


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
Length = Annotated[float, Field(gt=0, allow_inf_nan=False), AfterValidator(_of_sane_size)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
VoxelSize = Annotated[tuple[Length, Length, Length], BeforeValidator(_per_axis), AfterValidator(_rounded)]
Voxel = Annotated[int, Field(ge=0)]
Range = tuple[Voxel, Voxel | None]
Roi = Annotated[tuple[Range, Range, Range], BeforeValidator(_ranges)]
Time = Annotated[str, BeforeValidator(_iso)]
Place = Annotated[str, AfterValidator(_named)]
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
    thickness_um: Length | None = Field(None, description="thickness of the specimen in micrometres")
    rotation_axis: tuple[Finite, Finite] | None = Field(
        None,
        description="rotation axis of the tomography as `[y, x]` in voxels, about which rings are sought; "
        "if not given, the centre of the slices",
    )
    load_axis: Literal["z", "y", "x"] = Field("z", description="axis of the load")
    notes: str | None = Field(None, description="free text")


class Segmentation(Section):
    """How grey values become classes of voxels."""

    method: Literal["otsu", "threshold", "mask", "labels", "model"] = Field(
        "otsu",
        description="otsu: thresholds found from the histogram; threshold: given ones; mask: a volume whose values are kinds; "
        "labels: a volume whose values are features; model: a network that `xctgraph train` has trained",
    )
    model: Place | None = Field(None, description="model: file of the network, `model.pt`")
    consistent: bool = Field(True, description="model: whether slices are seen together with their neighbours (docs/training.md)")
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
        if (self.method == "model") != (self.model is not None):
            raise ValueError(f"method 'model' needs `model`, the file of a network, and no other does (method: {self.method!r})")
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
    split_depth_um: Length | None = Field(
        None,
        description="a part is one whose inscribed sphere has a radius larger than that of its neck by at least this; if not "
        "given, 1.5 voxel edges",
    )
    split_min_voxels: int = Field(100, ge=1, description="smaller features are left whole")


class Proximity(Section):
    """Which features are near each other."""

    gap_um: Length | None = Field(None, description="largest gap of a NEAR edge; if not given, 16 voxel edges")
    cluster_gap_um: Length | None = Field(None, description="largest gap inside a cluster; if not given, a third of `gap_um`")
    density_radius_um: Length | None = Field(None, description="radius of local_density; if not given, twice `gap_um`")


class Correspondence(Section):
    """How features are followed from scan to scan."""

    max_drift_um: Length | None = Field(None, description="largest drift looked for; if not given, half the volume")
    unregistered: Literal["refuse", "unlinked"] = Field(
        "refuse",
        description="what to do with a scan for which no displacement to its neighbours in time is found: refuse it, or keep it "
        "without links",
    )
    links: Place | None = Field(
        None,
        description="file of all links between the scans, in place of those searched: a table with the columns `t`, `label`, "
        "`t_next`, `label_next` and, if known, `confidence` (docs/linking.md)",
    )

    def decides(self, links: str | None) -> dict[str, float | str | None]:
        """What decides links, as JSON; `links` stands for the content of the file."""
        return {"max_drift_um": self.max_drift_um} | ({} if links is None else {"links": links})


class Fractures(Section):
    """What is measured of fractures and of their fronts."""

    site_spacing_um: Length | None = Field(None, description="distance between the sites of a front; if not given, 5 voxel edges")
    radius_um: Length | None = Field(
        None,
        description="radius of the half-ball ahead of a site in which defects count; if not given, 25, or 5 voxel edges where "
        "these are more",
    )
    advanced_um: Length | None = Field(
        None, description="advance from which a front has advanced; if not given, 1.5 mean voxel edges"
    )
    patch_um2: Positive | None = Field(
        None, description="area of the smallest branch that is a patch of its own; if not given, 400 squared voxel edges"
    )


class Regions(Section):
    """The cells of the summary graph."""

    cell_um: Length | None = Field(
        None, description="edge of a cell in the frame of the first scan, whose value counts; if not given, 6 times `gap_um`"
    )


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
        strict=True,
        ge=0,
        description="t of the first scan in the folder; if not given, 0, or one past the scans ingested from elsewhere",
    )


VOLUMES = ("path", "labels", "confidence", "mask")
"""Roles of the volumes of a scan, as its fields are called."""


class Scan(Section):
    """One volume of the series."""

    t: int = Field(strict=True, ge=0, le=MAX_T, description="index of the scan")
    path: Place = Field(
        description="HDF5 (also FILE.h5:/path), Zarr or OME-Zarr (also STORE.zarr:/path, STORE.zarr:t=3), TIFF, folder of TIFF "
        "slices, .npy, or what an installed reader takes"
    )
    labels: Place | None = Field(None, description="mask or label volume of this scan, for the methods mask and labels")
    confidence: Place | None = Field(
        None, description="confidence of each voxel of `labels`: whole numbers from 0 to 255, or fractions of 1"
    )
    mask: Place | None = Field(None, description="sample mask: voxels where it is 0 are not material")
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

    def volumes(self) -> Iterator[tuple[str, str]]:
        """The volumes as (role, path)."""
        for role in VOLUMES:
            path = getattr(self, role)
            if path is not None:
                yield role, path

    def moved(self, place: Callable[[str], str]) -> Self:
        """The same, with every volume named as `place` says."""
        return self.model_copy(update={role: place(path) for role, path in self.volumes()})
