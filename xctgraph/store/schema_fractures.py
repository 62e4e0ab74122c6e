"""What is known of fractures alone: columns of `features`, and the tables of patches, opening and front."""

from __future__ import annotations

from dataclasses import replace

from xctgraph.store.schema_records import JOB, SAMPLE, T
from xctgraph.store.table import Table
from xctgraph.store.table import column as _c
from xctgraph.store.table import vector as _vector

_PATCH = _c("patch", "int32", "patch (branch) of the fracture, from 0, largest first")

FRACTURE_COLUMNS = tuple(
    replace(column, kinds=("fracture",))
    for column in (
        _c("n_patches", "int32", "fracture: patches (branches), each a sheet of its own", "1", nullable=True),
        _c("fracture_area", "float64", "fracture: area of the middle surface of all patches", "um^2", "scan", nullable=True),
        _c(
            "projected_area",
            "float64",
            "fracture: area of the patches seen along the normal of each",
            "um^2",
            "scan",
            nullable=True,
        ),
        _c("tortuosity", "float64", "fracture: fracture_area over projected_area", "1", nullable=True),
        _c("opening_mean", "float64", "fracture: mean opening, normal to the sheet", "um", "scan", nullable=True),
        _c("opening_max", "float64", "fracture: 99th percentile of the opening", "um", "scan", nullable=True),
        *_vector("normal_", "fracture: unit normal of the largest patch (z not negative)", "1", "scan", nullable=True),
        _c(
            "load_angle",
            "float64",
            "fracture: angle between the normal of the largest patch and the load; 0 where it opens in mode I",
            "deg",
            "scan",
            nullable=True,
        ),
        _c("front_length", "float64", "fracture: length of its front inside the material", "um", "scan", nullable=True),
        _c(
            "fracture_length",
            "float64",
            "fracture: extent of the largest patch along the mean direction of its front; its largest extent where the front "
            "closes on itself",
            "um",
            "scan",
            nullable=True,
        ),
    )
)

PATCHES = Table(
    "fracture_patches",
    "One row per patch of a fracture: a sheet that is single-valued over its plane, such as a branch.",
    (
        _c("feature_id", "int64", "fracture"),
        _PATCH,
        SAMPLE,
        T,
        *_vector("", "centroid of the middle surface", "um", "scan"),
        *_vector("normal_", "unit normal of the plane (z not negative)", "1", "scan"),
        _c("area", "float64", "area of the middle surface", "um^2", "scan"),
        _c("projected_area", "float64", "area seen along the normal", "um^2", "scan"),
        _c("opening_mean", "float64", "mean opening", "um", "scan", nullable=True),
        _c("opening_max", "float64", "99th percentile of the opening", "um", "scan", nullable=True),
        JOB,
    ),
    key=("feature_id", "patch"),
)

OPENINGS = Table(
    "fracture_openings",
    "Map of the opening of each fracture: one row per tile of the middle surface, about scans.front_spacing wide.",
    (
        _c("feature_id", "int64", "fracture"),
        _PATCH,
        _c("tile", "int32", "number of the tile within the fracture, from 0"),
        SAMPLE,
        T,
        *_vector("", "middle of the tile", "um", "scan"),
        _c(
            "opening",
            "float64",
            "mean opening, normal to the sheet; null where the sheet cannot be told",
            "um",
            "scan",
            nullable=True,
        ),
        _c("area", "float64", "area of the tile", "um^2", "scan"),
        JOB,
    ),
    key=("feature_id", "tile"),
)

FRONT_SITES = Table(
    "front_sites",
    "One row per piece of a fracture's front in one scan, about scans.front_spacing long.",
    (
        _c("site_id", "int64", "sample_no << 44 | t << 31 | number in the scan, from 1"),
        _c("feature_id", "int64", "fracture the site belongs to"),
        SAMPLE,
        T,
        _PATCH,
        _c("front", "int32", "connected piece of front (an open or closed line) within the fracture, from 0"),
        _c("arc", "float64", "position along that piece", "um", "scan"),
        _c("front_length", "float64", "length of front that the site stands for", "um", "scan"),
        *_vector("", "position", "um", "scan"),
        *_vector("ref_", "position mapped to the first scan; null where unregistered", "um", "reference", nullable=True),
        *_vector("direction_", "unit vector in the plane of the patch, across the front into the material", "1", "scan"),
        _c(
            "curvature",
            "float64",
            "curvature of the front in the plane of the patch, positive where it bulges outward",
            "1/um",
            "scan",
        ),
        _c(
            "surface_distance",
            "float64",
            "distance to the surface of the sample: to the edge of its mask, or to the faces of the volume",
            "um",
            "scan",
            nullable=True,
        ),
        _c("opening", "float64", "opening of the fracture one scans.front_spacing behind the site", "um", "scan"),
        _c(
            "ahead_volume",
            "float64",
            "material ahead: the half-ball of scans.front_radius about the site on the side of `direction`, without what is no "
            "material and what is fracture already",
            "um^3",
            "scan",
        ),
        _c("n_ahead", "int64", "inclusions and pores with their centroid in that half-ball", "1"),
        _c(
            "local_density",
            "float64",
            "volume fraction ahead: voxels of inclusions and pores in the half-ball over ahead_volume; null without material",
            "1",
            nullable=True,
        ),
        _c(
            "nearest_gap",
            "float64",
            "distance to the nearest voxel of a defect ahead (`FACES`); null where none is within scans.front_radius",
            "um",
            "scan",
            nullable=True,
        ),
        _c(
            "advance_um",
            "float64",
            "distance from the front at t to that of the next scan along `direction`, in the frame of t; voxels of features that "
            "were there at t do not count. Null where the front does not go on ahead of the site",
            "um",
            "scan",
            nullable=True,
            known_at="t+1",
        ),
        _c(
            "advanced",
            "bool",
            "whether advance_um is at least scans.front_threshold; null where it is",
            nullable=True,
            known_at="t+1",
        ),
        JOB,
    ),
    key=("site_id",),
    node="FrontSite",
)
