"""Questions about the features of one scan: how many, which, how large, and how they lie."""

from __future__ import annotations

from xctgraph.queries.chart import Chart
from xctgraph.queries.parameter import UNBOUNDED, Parameter
from xctgraph.queries.parts import ANY_SCAN, BORDER, KIND, QUALITY, SAMPLE, SCAN, bounds, limit, of, text
from xctgraph.queries.query import Query
from xctgraph.store.ids import MAX_T
from xctgraph.store.schema import FEATURES, SCANS
from xctgraph.store.table import column

_T_MIN = Parameter("t_min", "integer", "first scan to look at", default=0, minimum=0)
_T_MAX = Parameter("t_max", "integer", "last scan to look at", default=MAX_T, default_meaning="the last scan", minimum=0)
_AXIS = Parameter(
    "axis",
    "string",
    "axis of the ellipsoid of the feature: the longest or the shortest",
    default="major",
    choices=("major", "minor"),
)
_BINS = Parameter("bins", "integer", "number of bins of the cosine", default=6, minimum=1, maximum=90)
_ELONGATION = Parameter(
    "elongation_min",
    "number",
    "smallest axis_major_length over axis_minor_length",
    "1",
    default=1.2,
    minimum=1,
    maximum=UNBOUNDED,
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
        Chart("line", "t", "snr", "sample"),
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
        Chart("line", "t", "volume_fraction", "kind"),
    ),
    Query(
        "largest-features",
        "Which are the largest features at scan t, with all their attributes?",
        (SCAN, SAMPLE, KIND, limit(20)),
        tuple(c for c in FEATURES.graph_columns if c.name != "job_id"),
        ("volume DESC", "feature_id"),
        text("largest-features"),
        Chart("scatter", "equivalent_diameter", "sphericity", "kind"),
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
            BORDER,
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
        Chart("scatter", "equivalent_diameter", "sphericity", "kind"),
    ),
    Query(
        "size-distribution",
        "How large are the features of each kind, and how does that change from scan to scan? Features smaller than the "
        "reliable_diameter of their scan are counted in n_below_reliable; those at the border are cut off, and `border` leaves "
        "them out.",
        (SAMPLE, ANY_SCAN, KIND, BORDER),
        (
            *of(SCANS, "scan_id", "sample", "t"),
            *of(FEATURES, "kind"),
            column("n_features", "int64", "number of features", "1"),
            column("mean_diameter", "float64", "mean equivalent_diameter", "um"),
            column("p10_diameter", "float64", "10 % have a smaller equivalent_diameter", "um"),
            column("median_diameter", "float64", "median equivalent_diameter", "um"),
            column("p90_diameter", "float64", "90 % have a smaller equivalent_diameter", "um"),
            column("max_diameter", "float64", "largest equivalent_diameter", "um"),
            *of(SCANS, "reliable_diameter"),
            column("n_below_reliable", "int64", "features smaller than reliable_diameter", "1", nullable=True),
        ),
        ("scan_id", "kind"),
        text("size-distribution"),
        Chart("line", "t", "median_diameter", "kind"),
    ),
    Query(
        "orientation",
        "Are the features of each kind aligned with the load, which is taken to lie along z? The cosine c of the angle between "
        "axis and z is spread evenly over 0 to 1 where orientations are random, so a share above random_share is a preferred "
        "direction and a mean_cos of 0.5 is none. `axis` minor is the normal of a plate or fracture. A feature that is nearly "
        "a sphere has no direction: elongation_min leaves it out. Bins without features have no row.",
        (SAMPLE, ANY_SCAN, KIND, _AXIS, _BINS, _ELONGATION),
        (
            *of(SCANS, "scan_id", "sample", "t"),
            *of(FEATURES, "kind"),
            column("cos_min", "float64", "lower end of the bin of c, part of it", "1"),
            column("cos_max", "float64", "upper end of the bin of c, not part of it unless it is 1", "1"),
            column("n_features", "int64", "features in the bin", "1"),
            column("share", "float64", "n_features over those of the kind in all bins", "1"),
            column("random_share", "float64", "share of each bin if orientations were random", "1"),
            column("mean_cos", "float64", "mean c of the kind in this scan, over all bins", "1"),
        ),
        ("scan_id", "kind", "cos_min"),
        text("orientation"),
        Chart("bar", "cos_min", "share", "kind"),
        "Mardia and Jupp, Directional Statistics (2000): uniform distribution on the sphere",
    ),
)
