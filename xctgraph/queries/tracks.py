"""Questions about one defect through time: its history, what it came from and became, how fast it grows."""

from __future__ import annotations

from xctgraph.queries.chart import Chart
from xctgraph.queries.parameter import Parameter
from xctgraph.queries.parts import ANY_SCAN, FEATURE, KIND, SAMPLE, VOLUME_MIN, limit, of, text
from xctgraph.queries.query import Query
from xctgraph.store.schema import FEATURES, SCANS, TRACKS
from xctgraph.store.schema_edges import NEXT
from xctgraph.store.table import column

_MIN_FEATURES = Parameter("min_features", "integer", "smallest number of features of a track", default=2, minimum=2)
_BY = Parameter(
    "by",
    "string",
    "what to rank by: growth_per_scan or relative_growth_per_scan",
    default="absolute",
    choices=("absolute", "relative"),
)
_VOLUME_FIRST = column("volume_first", "float64", "volume at t_first", "um^3")
_VOLUME_LAST = column("volume_last", "float64", "volume at t_last", "um^3")
_GROWTH_PER_SCAN = column("growth_per_scan", "float64", "growth over t_last - t_first", "um^3")
_CONFIDENCE_MAX = Parameter("confidence_max", "number", "links below this confidence", "1", default=0.9, minimum=0, maximum=1)
_LINEAGE = (
    *of(FEATURES, "feature_id", "uid", "t"),
    column("steps", "int64", "links between the two, on the shortest way", "1"),
    *of(FEATURES, "kind", "z", "y", "x", "volume", "equivalent_diameter", "track_id"),
)

QUERIES = (
    Query(
        "feature-history",
        "How did this feature change from scan to scan: all features of its track? A fracture that takes the feature in ends "
        "the track; see `descendants`. fracture_gap says how close the nearest other fracture has come.",
        (FEATURE,),
        (
            *of(FEATURES, "feature_id", "uid", "track_id", "t"),
            *of(SCANS, "time_s", "strain", "load_n"),
            *of(
                FEATURES, "kind", "z", "y", "x", "volume", "equivalent_diameter", "sphericity", "intensity_mean", "local_density"
            ),
            column(
                "fracture_gap",
                "float64",
                "gap to the nearest other fracture; null beyond the scan's near_gap",
                "um",
                nullable=True,
            ),
            *of(FEATURES, "border_touching"),
        ),
        ("t", "feature_id"),
        text("feature-history"),
        Chart("line", "t", "volume", "kind"),
        "Lecarme et al., Heterogenous void growth revealed by in situ 3-D X-ray microtomography using automatic cavity tracking, "
        "Acta Materialia 63 (2014) 130",
    ),
    Query(
        "ancestors",
        "From which earlier features did this one come, through every link, merger and swallowing, up to 30 links back?",
        (FEATURE,),
        _LINEAGE,
        ("steps", "feature_id"),
        text("ancestors"),
        Chart("scatter", "t", "volume", "kind"),
    ),
    Query(
        "descendants",
        "What did this feature become in later scans, through every link, split and swallowing, up to 30 links on?",
        (FEATURE,),
        _LINEAGE,
        ("steps", "feature_id"),
        text("descendants"),
        Chart("scatter", "t", "volume", "kind"),
    ),
    Query(
        "track-growth",
        "How does the volume of each track change from its first scan to its last? Tracks of one scan have no growth and no row. "
        "At most `limit` rows, the first by track_id.",
        (SAMPLE, KIND, _MIN_FEATURES, limit(1_000_000)),
        (
            *of(TRACKS, "track_id", "sample", "kind", "lineage_id", "t_first", "t_last", "n_features"),
            _VOLUME_FIRST,
            _VOLUME_LAST,
            column("growth", "float64", "volume_last - volume_first", "um^3"),
            _GROWTH_PER_SCAN,
            column("relative_growth", "float64", "growth over volume_first", "1"),
        ),
        ("track_id",),
        text("track-growth"),
        Chart("scatter", "volume_first", "relative_growth", "kind"),
    ),
    Query(
        "fastest-growing-tracks",
        "Which tracks grow fastest, in volume per scan or relative to their first volume?",
        (SAMPLE, KIND, _BY, _MIN_FEATURES, VOLUME_MIN, limit(20)),
        (
            *of(TRACKS, "track_id", "sample", "kind", "t_first", "t_last", "n_features"),
            _VOLUME_FIRST,
            _VOLUME_LAST,
            _GROWTH_PER_SCAN,
            column("relative_growth_per_scan", "float64", "growth_per_scan over volume_first", "1"),
            column("feature_id", "int64", "its feature at t_last, where z, y, x are"),
            *of(FEATURES, "z", "y", "x"),
        ),
        ("growth_per_scan DESC, or relative_growth_per_scan DESC", "track_id"),
        text("fastest-growing-tracks"),
        Chart("bar", "track_id", "growth_per_scan", "kind"),
    ),
    Query(
        "doubtful-links",
        "Which links between scans should a person look at, the most doubtful first? Links without a confidence (of fractures, "
        "or given by a file or a person) are left out. `xctgraph correct` changes a link.",
        (SAMPLE, ANY_SCAN, KIND, _CONFIDENCE_MAX, limit(100)),
        (
            *of(FEATURES, "feature_id", "uid"),
            column("next_id", "int64", "feature_id of what it is said to have become"),
            column("next_uid", "string", "uid of what it is said to have become"),
            *of(FEATURES, "sample", "t"),
            *of(NEXT, "dt"),
            *of(FEATURES, "kind"),
            column("next_kind", "string", "kind of what it is said to have become"),
            *of(NEXT, "event"),
            column("confidence", "float64", NEXT.column("confidence").meaning.partition(";")[0], "1"),
            *of(NEXT, "iou", "overlap", "cost"),
            *of(FEATURES, "z", "y", "x", "volume"),
            column("next_volume", "float64", "volume of what it is said to have become", "um^3"),
        ),
        ("confidence", "feature_id", "next_id"),
        text("doubtful-links"),
        Chart("scatter", "confidence", "iou", "event"),
    ),
)
