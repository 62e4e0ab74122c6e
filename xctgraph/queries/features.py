"""Questions about the features of one scan: how many, which, how large, and what lies around them."""

from __future__ import annotations

from xctgraph.queries.parameter import Parameter
from xctgraph.queries.parts import KIND, QUALITY, SAMPLE, SCAN, bounds, gap, limit, of, text
from xctgraph.queries.query import Query
from xctgraph.store.ids import MAX_T
from xctgraph.store.schema import FEATURES, SCANS
from xctgraph.store.schema_edges import NEAR
from xctgraph.store.table import column

_FEATURE = Parameter("feature", "feature", "the feature", minimum=1, maximum=2**53 - 1, role="feature")
_T_MIN = Parameter("t_min", "integer", "first scan to look at", default=0, minimum=0)
_T_MAX = Parameter("t_max", "integer", "last scan to look at", default=MAX_T, default_meaning="the last scan", minimum=0)
_BORDER = Parameter(
    "border",
    "string",
    "features that touch the border of the volume or sample, that do not, or both",
    default="any",
    choices=("any", "inside", "touching"),
)
_NEIGHBOUR_KIND = Parameter(
    "neighbour_kind", "string", "kind of the neighbours", default="", default_meaning="all kinds", role="kind"
)


QUERIES = (
    Query(
        "scan-quality",
        "How good is each scan, and which are in doubt? In other questions `WHERE NOT coalesce(s.suspect, false)` on the Scan "
        "leaves doubtful ones out. Null is what was not measured.",
        (SAMPLE, QUALITY),
        of(
            SCANS,
            "scan_id",
            "sample",
            "t",
            "acquired_at",
            "snr",
            "contrast",
            "ring_strength",
            "reliable_diameter",
            "suspect",
            "suspect_reason",
        ),
        ("scan_id",),
        text("scan-quality"),
    ),
    Query(
        "counts-and-volume-fraction",
        "How many features of each kind does each scan hold, and which fraction of the material do they fill? Every scan has a "
        "row for inclusion, pore, fracture and every other kind that occurs, with 0 where it has none.",
        (SAMPLE, QUALITY),
        (
            *of(SCANS, "scan_id", "sample", "t", "time_s"),
            *of(FEATURES, "kind"),
            column("n_features", "int64", "number of features", "1"),
            column("volume", "float64", "their total volume", "um^3"),
            *of(SCANS, "material_volume"),
            column("volume_fraction", "float64", "volume over material_volume", "1"),
        ),
        ("scan_id", "kind"),
        text("counts-and-volume-fraction"),
    ),
    Query(
        "largest-features",
        "Which are the largest features at scan t, with all their attributes?",
        (SCAN, SAMPLE, KIND, limit(20)),
        tuple(c for c in FEATURES.graph_columns if c.name != "job_id"),
        ("volume DESC", "feature_id"),
        text("largest-features"),
    ),
    Query(
        "features-by-attributes",
        "Which features have their attributes within these ranges? Both ends of a range are included; a feature without a value "
        "(intensity_mean, local_density) passes only where no bound is given. At most `limit` rows, the first by feature_id.",
        (
            SAMPLE,
            _T_MIN,
            _T_MAX,
            KIND,
            *bounds(FEATURES.column("volume"), 0.0),
            *bounds(FEATURES.column("equivalent_diameter"), 0.0),
            *bounds(FEATURES.column("sphericity"), 0.0),
            *bounds(FEATURES.column("z")),
            *bounds(FEATURES.column("y")),
            *bounds(FEATURES.column("x")),
            *bounds(FEATURES.column("intensity_mean")),
            *bounds(FEATURES.column("local_density")),
            _BORDER,
            limit(1000),
        ),
        of(
            FEATURES,
            "feature_id",
            "uid",
            "sample",
            "t",
            "kind",
            "z",
            "y",
            "x",
            "n_voxels",
            "volume",
            "equivalent_diameter",
            "surface_area",
            "sphericity",
            "axis_major_length",
            "axis_intermediate_length",
            "axis_minor_length",
            "intensity_mean",
            "local_density",
            "border_touching",
            "cluster_id",
            "track_id",
        ),
        ("feature_id",),
        text("features-by-attributes"),
    ),
    Query(
        "neighbours",
        "Which features of the same scan lie within a gap of this one, and which of them does it touch? "
        "The feature tells sample and scan.",
        (_FEATURE, gap("gap_um", "largest gap between the surfaces", 25.0), KIND),
        (
            *of(FEATURES, "feature_id", "uid", "kind"),
            *of(NEAR, "gap", "distance"),
            column(
                "contact_area",
                "float64",
                "total area of the shared voxel faces; null where they do not touch",
                "um^2",
                nullable=True,
            ),
            *of(FEATURES, "z", "y", "x", "volume", "equivalent_diameter", "track_id"),
        ),
        ("gap", "feature_id"),
        text("neighbours"),
    ),
    Query(
        "density-around-features",
        "Which features at scan t have the densest surroundings? Neighbours are counted by the gap between surfaces; "
        "local_density is the stored volume fraction of inclusions and pores within scans.density_radius. Features at the border "
        "of the volume have part of their surroundings outside it, so their counts are too low.",
        (SCAN, SAMPLE, KIND, _NEIGHBOUR_KIND, gap("gap_um", "largest gap between the surfaces", 25.0), limit(20)),
        (
            *of(FEATURES, "feature_id", "uid", "sample", "t", "kind", "z", "y", "x", "equivalent_diameter"),
            column("n_neighbours", "int64", "features of neighbour_kind within gap_um", "1"),
            column("neighbour_volume", "float64", "their total volume", "um^3"),
            column("nearest_gap", "float64", "smallest gap among them; null without any", "um", nullable=True),
            *of(FEATURES, "local_density", "border_touching"),
        ),
        ("n_neighbours DESC", "local_density DESC (nulls last)", "feature_id"),
        text("density-around-features"),
    ),
)
