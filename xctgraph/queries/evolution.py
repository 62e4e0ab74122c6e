"""Questions about how features change from scan to scan."""

from __future__ import annotations

from xctgraph.queries.parameter import UNBOUNDED, Parameter
from xctgraph.queries.parts import ANY_SCAN, KIND, SAMPLE, gap, limit, of, text
from xctgraph.queries.query import Query
from xctgraph.store.schema import FEATURES, SCANS, TRACKS
from xctgraph.store.schema_edges import NEAR
from xctgraph.store.table import Column, column

_MIN_FEATURES = Parameter("min_features", "integer", "smallest number of features of a track", default=2, minimum=2)
_VOLUME_MIN = Parameter(
    "volume_min",
    "number",
    "smallest volume at the first scan; keeps the relative growth of features of a few voxels out",
    "um^3",
    default=0.0,
    minimum=0,
    maximum=UNBOUNDED,
)
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


def _events(name: str, meaning: str) -> tuple[Column, Column]:
    return (
        column(name, "int64", meaning, "1", nullable=True),
        column(
            f"{name}_at_border",
            "int64",
            "of these, features that touch the border and may have moved in or out of view",
            "1",
            nullable=True,
        ),
    )


QUERIES = (
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
    ),
    Query(
        "births-deaths-splits-merges",
        "How many features appear, vanish, split, merge and are swallowed by a fracture, scan by scan? What has no past at the "
        "first scan of a sample, or no future at its last, is unknown and null.",
        (SAMPLE, KIND),
        (
            *of(SCANS, "scan_id", "sample", "t"),
            column("n_features", "int64", "features at t", "1"),
            *_events("births", "features at t that no earlier feature became"),
            column("merges", "int64", "features at t that several features became", "1", nullable=True),
            *_events("deaths", "features at t that became nothing later"),
            column("splits", "int64", "features at t that became several", "1", nullable=True),
            column("swallowed", "int64", "features at t that a fracture took in by the next scan; no deaths", "1", nullable=True),
        ),
        ("scan_id",),
        text("births-deaths-splits-merges"),
    ),
    Query(
        "near-fracture-then-reached",
        "Which features near a fracture at scan t does it touch at the next scan, or has it swallowed by then? That is: what the "
        "feature became touches what the fracture became, or is part of it. Features that touch the fracture at t already are "
        "listed with their contact_area; other fractures are left out.",
        (SAMPLE, ANY_SCAN, gap("gap_um", "largest gap between feature and fracture at t", 25.0)),
        (
            column("fracture_id", "int64", "feature_id of the fracture at t"),
            column("fracture", "string", "uid of the fracture at t"),
            *of(FEATURES, "feature_id"),
            column("feature", "string", "uid of the feature at t"),
            *of(FEATURES, "sample", "t", "kind"),
            *of(NEAR, "gap"),
            column("contact_area", "float64", "contact of the two at t; null where they do not touch", "um^2", nullable=True),
            column("outcome", "string", "swallowed or touches, at the next scan"),
            *of(FEATURES, "volume", "equivalent_diameter", "local_density", "track_id"),
        ),
        ("fracture_id", "feature_id"),
        text("near-fracture-then-reached"),
    ),
    Query(
        "fastest-growing-tracks",
        "Which tracks grow fastest, in volume per scan or relative to their first volume?",
        (SAMPLE, KIND, _BY, _MIN_FEATURES, _VOLUME_MIN, limit(20)),
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
    ),
    Query(
        "fracture-growth-vs-density",
        "Do fractures extend toward regions of higher defect density? One row per fracture at t that became a fracture at the "
        "next scan: its growth, the features within radius_um that it does not touch yet (fractures left out), and the mean "
        "local_density of those that it reaches by the next scan (touches or swallows) beside that of those that it does not "
        "reach. A positive density_difference says that what it reached lay in denser surroundings. This is a first look "
        "without a null model: features that lie closer are reached more often and may lie denser (compare gap_reached with "
        "gap_not_reached), fractures and scans are not independent, growth is of volume and has no direction, and "
        "local_density is cut off at the border.",
        (SAMPLE, ANY_SCAN, gap("radius_um", "largest gap between a defect and the fracture at t", 25.0)),
        (
            column("fracture_id", "int64", "feature_id of the fracture at t"),
            column("fracture", "string", "uid of the fracture at t"),
            *of(FEATURES, "sample", "t"),
            column("n_successors", "int64", "fractures that it became", "1"),
            column("n_merged", "int64", "other fractures that its successors are made of", "1"),
            column("volume", "float64", "volume at t", "um^3"),
            column("growth", "float64", "volume of its successors, less its own and that of the fractures merged", "um^3"),
            column("relative_growth", "float64", "growth over volume", "1"),
            column("n_near", "int64", "features within radius_um at t that it does not touch, fractures left out", "1"),
            column("volume_near", "float64", "their total volume", "um^3"),
            column("n_reached", "int64", "of these, touched or swallowed by a successor", "1"),
            column("n_not_reached", "int64", "of these, seen at the next scan and not reached", "1"),
            column("n_lost", "int64", "of these, without a link to the next scan", "1"),
            column("density_reached", "float64", "mean local_density at t of those reached", "1", nullable=True),
            column("density_not_reached", "float64", "mean local_density at t of those not reached", "1", nullable=True),
            column("density_difference", "float64", "density_reached - density_not_reached", "1", nullable=True),
            column("gap_reached", "float64", "mean gap at t of those reached", "um", nullable=True),
            column("gap_not_reached", "float64", "mean gap at t of those not reached", "um", nullable=True),
        ),
        ("fracture_id",),
        text("fracture-growth-vs-density"),
    ),
)
