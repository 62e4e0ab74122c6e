"""The one definition of every table and column.

DDL of both graph engines, Arrow schemas, the DuckDB tables, `docs/schema.md` and the leak test of the snapshots are generated
from `TABLES` and `DERIVED_EDGES`; nothing else names a type, a unit or a frame.

Frames: `voxel` is the float voxel coordinate of the full dataset, `scan` micrometres in that scan's own, deformed frame with
its origin at the centre of voxel (0, 0, 0), `reference` micrometres in the frame of the sample's first scan.

`known_at` says what a snapshot at scan t may see: `t`, `t+1` or `end` (never in a snapshot).
"""

from __future__ import annotations

from xctgraph.store.schema_edges import ADJACENT, FACES, NEAR, NEXT, NEXT_REGION, TOUCHES
from xctgraph.store.schema_fractures import FRACTURE_COLUMNS, FRONT_SITES, OPENINGS, PATCHES
from xctgraph.store.schema_records import CORRECTIONS, FIELDS, GIVEN_LINKS, JOBS, LABEL_RUNS, MATERIAL_RUNS, STUDIES
from xctgraph.store.schema_records import JOB as _JOB
from xctgraph.store.schema_records import SAMPLE as _SAMPLE
from xctgraph.store.schema_records import T as _T
from xctgraph.store.table import Column, DerivedEdge, Table
from xctgraph.store.table import column as _c
from xctgraph.store.table import vector as _vector

KINDS = ("inclusion", "pore", "fracture")
EVENTS = ("continue", "split", "merge", "swallowed")


def _roi(name: str, meaning: str) -> Column:
    return _c(name, "int32", f"{meaning}; null where the whole volume was read", "voxel", "voxel", nullable=True)


SAMPLES = Table(
    "samples",
    "One row per specimen.",
    (
        _c("sample", "string", "name given by the user"),
        _c("sample_no", "int32", "number of the sample in this store, from 0; part of every id"),
        _c("material", "string", "material", nullable=True),
        _c("environment", "string", "environment of the test, e.g. humid air", nullable=True),
        _c("orientation", "string", "orientation of the specimen, e.g. S-T", nullable=True),
        _c("thickness", "float64", "thickness of the specimen", "um", nullable=True),
        *_vector("voxel_", "edge length of a voxel along", "um", ""),
        _c("load_axis", "string", "axis of the load: z, y or x", nullable=True),
        _c("notes", "string", "free text", nullable=True),
        _JOB,
    ),
    key=("sample",),
    node="Sample",
)

SCANS = Table(
    "scans",
    "One row per volume of the time series.",
    (
        _c("scan_id", "int64", "sample_no << 44 | t << 31"),
        _SAMPLE,
        _T,
        _c("previous_scan_id", "int64", "scan before this one; null for the first", nullable=True),
        _c("time_s", "float64", "time since the start of the test", "s", nullable=True),
        _c("load_n", "float64", "load on the specimen", "N", nullable=True),
        _c("strain", "float64", "engineering strain", "1", nullable=True),
        _c("strain_rate", "float64", "strain rate", "1/s", nullable=True),
        _c(
            "acquired_at",
            "string",
            "start of the acquisition, ISO 8601; local time of the beamline where it names no zone",
            nullable=True,
        ),
        _c("acquisition_s", "float64", "duration of the acquisition", "s", nullable=True),
        _c("hold", "string", "what was held during the scan: load or displacement; null if neither or unknown", nullable=True),
        _c("hold_s", "float64", "time for which it had been held when the scan began", "s", nullable=True),
        _c("temperature_k", "float64", "temperature of the specimen", "K", nullable=True),
        *(_c(f"n_{axis}", "int32", f"voxels of the volume along {axis}", "voxel") for axis in "zyx"),
        *(_roi(f"roi_{axis}_min", f"first voxel of the region of interest along {axis}") for axis in "zyx"),
        *(_roi(f"roi_{axis}_max", f"one past the last voxel of the region of interest along {axis}") for axis in "zyx"),
        _c("path", "string", "file or folder the volume or table was read from"),
        _c("checksum", "string", "sha256 of the size and of evenly spaced blocks of the volume, or of the rows of the table"),
        _c("material_volume", "float64", "volume of the sample mask, or of the whole scan without one", "um^3"),
        _c("connectivity", "int32", "voxels joined into one feature: 6, 18 or 26 neighbours", "1", nullable=True),
        _c("near_gap", "float64", "largest gap of a NEAR edge", "um"),
        _c("cluster_gap", "float64", "largest gap inside a cluster (features.cluster_id)", "um"),
        _c("density_radius", "float64", "radius of features.local_density", "um"),
        _c("front_spacing", "float64", "distance between the sites of a front", "um", nullable=True),
        _c("front_radius", "float64", "radius of front_sites.local_density and of FACES", "um", nullable=True),
        _c("front_threshold", "float64", "advance from which front_sites.advanced is true", "um", nullable=True),
        _c("patch_area", "float64", "area of the smallest patch of a fracture that is one of its own", "um^2", nullable=True),
        _c("region_cell", "float64", "edge of the cells of the regions", "um", nullable=True),
        _c("snr", "float64", "mean grey value of the material over the noise", "1", nullable=True),
        _c("contrast", "float64", "difference of mean grey values of material and features over the noise", "1", nullable=True),
        _c(
            "ring_strength",
            "float64",
            "standard deviation of the rings about the rotation axis over the noise",
            "1",
            nullable=True,
        ),
        _c("reliable_diameter", "float64", "smallest equivalent diameter whose volume is reliable", "um", nullable=True),
        _c("suspect", "bool", "whether the quality is in doubt; null where it was not measured", nullable=True),
        _c("suspect_reason", "string", "why the quality is in doubt", nullable=True),
        _c("has_voxels", "bool", "false where the features come from a table of another program: there is nothing to crop"),
        _c(
            "links_given", "bool", "true where the links to neighbouring scans are given by a table or file and were not searched"
        ),
        _JOB,
    ),
    key=("scan_id",),
    node="Scan",
)

FEATURES = Table(
    "features",
    "One row per inclusion, pore or fracture in one scan.",
    (
        _c("feature_id", "int64", "sample_no << 44 | t << 31 | label"),
        _c("uid", "string", "sample/t/label"),
        _c("scan_id", "int64", "scan the feature lies in"),
        _SAMPLE,
        _T,
        _c(
            "label",
            "int64",
            "rank of the first voxel in C order among all features of the scan, from 1; without voxels, of the centroid "
            "(vz, vy, vx), rounded to a thousandth of a voxel. A dropped feature leaves its label empty",
        ),
        _c("source_label", "int64", "label in the imported label volume or table", nullable=True),
        _c("kind", "string", "inclusion, pore, fracture, or the user's own"),
        *_vector("", "centroid", "um", "scan"),
        *_vector("v", "centroid", "voxel", "voxel"),
        *_vector("ref_", "centroid mapped to the first scan; null where unregistered", "um", "reference", nullable=True),
        *(
            _c(f"bbox_{axis}_min", "int32", f"first voxel of the bounding box along {axis}", "voxel", "voxel", nullable=True)
            for axis in "zyx"
        ),
        *(
            _c(
                f"bbox_{axis}_max",
                "int32",
                f"one past the last voxel of the bounding box along {axis}",
                "voxel",
                "voxel",
                nullable=True,
            )
            for axis in "zyx"
        ),
        _c("n_voxels", "int64", "number of voxels", "voxel", nullable=True),
        _c("volume", "float64", "number of voxels times the volume of one; without voxels, as given", "um^3", "scan"),
        _c("equivalent_diameter", "float64", "diameter of the sphere of the same volume", "um", "scan"),
        _c(
            "surface_area",
            "float64",
            "surface area by the Crofton formula in 13 directions; without voxels, as the other program gives it",
            "um^2",
            "scan",
            nullable=True,
        ),
        _c(
            "sphericity",
            "float64",
            "surface of the sphere of the same volume over surface_area; can exceed 1 below 30 voxels",
            "1",
            nullable=True,
        ),
        _c("euler_number", "int32", "objects + cavities - tunnels; null for 18-connectivity", "1", nullable=True),
        *(
            _c(f"cov_{pair}", "float64", f"covariance of the voxel centres, {pair}", "um^2", "scan", nullable=True)
            for pair in ("zz", "zy", "zx", "yy", "yx", "xx")
        ),
        *(
            _c(
                f"axis_{size}_length",
                "float64",
                f"2 sqrt(5 w), w {which} eigenvalue of the covariance",
                "um",
                "scan",
                nullable=True,
            )
            for size, which in (("major", "largest"), ("intermediate", "middle"), ("minor", "smallest"))
        ),
        *(
            _c(f"feret_diameter_{size}", "float64", f"{what} extent, the outer voxels included", "um", "scan", nullable=True)
            for size, what in (("max", "largest"), ("min", "smallest"))
        ),
        *(
            column
            for name, what in (("major", "major axis"), ("minor", "minor axis, the normal of a plate"))
            for column in _vector(f"{name}_", f"unit vector of the {what} (z component not negative)", "1", "scan", nullable=True)
        ),
        _c("intensity_mean", "float64", "mean grey value; null without a grey volume", nullable=True),
        _c("intensity_std", "float64", "standard deviation of the grey value", nullable=True),
        _c("intensity_min", "float64", "smallest grey value", nullable=True),
        _c("intensity_max", "float64", "largest grey value", nullable=True),
        *(
            _c(
                f"intensity_{name}",
                "float64",
                f"{share} % of the grey values of its voxels are smaller; linear between two values",
                nullable=True,
            )
            for name, share in (("q05", 5), ("q25", 25), ("median", 50), ("q75", 75), ("q95", 95))
        ),
        _c(
            "border_touching",
            "bool",
            "touches a face of the volume, or the edge of the sample mask; without voxels, its sphere does",
        ),
        _c(
            "local_density",
            "float64",
            "volume fraction of other inclusions and pores, taken as spheres, within scans.density_radius",
            "1",
            nullable=True,
        ),
        _c("cluster_id", "int64", "smallest feature_id of its component of NEAR within scans.cluster_gap"),
        _c("confidence", "float64", "confidence of the segmentation, 0 to 1", "1", nullable=True),
        *FRACTURE_COLUMNS,
        _c("track_id", "int64", "feature_id of the first feature of its track"),
        _c(
            "region_id", "int64", "region its centroid lies in; null where unregistered, and beyond the first scan", nullable=True
        ),
        _JOB,
    ),
    key=("feature_id",),
    node="Feature",
)

TRACKS = Table(
    "tracks",
    "One row per physical defect through time.",
    (
        _c("track_id", "int64", "feature_id of its first feature"),
        _SAMPLE,
        _c("kind", "string", "kind of its first feature"),
        _c("t_first", "int32", "scan of its first feature"),
        _c("t_last", "int32", "scan of its last feature", known_at="end"),
        _c("n_features", "int32", "number of its features", known_at="end"),
        _c(
            "lineage_id",
            "int64",
            "smallest track_id among all tracks joined with it by splits and merges",
            known_at="end",
        ),
        _JOB,
    ),
    key=("track_id",),
    node="Track",
)

REGIONS = Table(
    "regions",
    "One row per cell of the summary graph in one scan: cubes in the frame of the first scan, of the size scans.region_cell.",
    (
        _c("region_id", "int64", "sample_no << 44 | t << 31 | number of the cell, from 1; the same number in every scan"),
        _SAMPLE,
        _T,
        *(_c(f"cell_{axis}", "int32", f"place of the cell along {axis}, from 0", "1", "reference") for axis in "zyx"),
        *_vector("ref_", "centre of the cell", "um", "reference"),
        _c("material_volume", "float64", "volume of material in the part of the cell that the scan shows", "um^3", "reference"),
        _c("n_inclusions", "int64", "inclusions with their centroid in the cell", "1"),
        _c("n_pores", "int64", "pores with their centroid in the cell", "1"),
        _c("inclusion_fraction", "float64", "volume of these inclusions over material_volume", "1"),
        _c("pore_fraction", "float64", "volume of these pores over material_volume", "1"),
        _c("mean_equivalent_diameter", "float64", "mean equivalent diameter of both", "um", nullable=True),
        _c("mean_sphericity", "float64", "mean sphericity of both", "1", nullable=True),
        _c("strain", "float64", "strain along the load since the first scan, of the fitted displacement", "1", nullable=True),
        _c("fracture_area", "float64", "area of fractures (fracture_openings) in the cell", "um^2"),
        _JOB,
    ),
    key=("region_id",),
    node="Region",
)

DROPPED_FEATURES = Table(
    "dropped_features",
    "Features that a person has dropped (`corrections`), as they were found; not part of the graph.",
    FEATURES.columns,
    key=("feature_id",),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        SAMPLES, SCANS, FEATURES, TRACKS, FRONT_SITES, REGIONS, STUDIES, JOBS,
        NEAR, TOUCHES, NEXT, FACES, ADJACENT, NEXT_REGION, PATCHES, OPENINGS, LABEL_RUNS, MATERIAL_RUNS, FIELDS,
        DROPPED_FEATURES, CORRECTIONS, GIVEN_LINKS,
    )
}  # fmt: skip

DERIVED_EDGES: tuple[DerivedEdge, ...] = (
    DerivedEdge("HAS_SCAN", "scans", "sample", "scan_id", "Sample", "Scan", "A sample and its scans."),
    DerivedEdge("FOLLOWS", "scans", "previous_scan_id", "scan_id", "Scan", "Scan", "A scan and the next one."),
    DerivedEdge("CONTAINS", "features", "scan_id", "feature_id", "Scan", "Feature", "A scan and its features."),
    DerivedEdge("OF", "features", "feature_id", "track_id", "Feature", "Track", "A feature and its track."),
    DerivedEdge("IN_REGION", "features", "feature_id", "region_id", "Feature", "Region", "A feature and its region."),
    DerivedEdge("FRONT_OF", "front_sites", "site_id", "feature_id", "FrontSite", "Feature", "A site and its fracture."),
)
