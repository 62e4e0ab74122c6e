"""Questions about what lies around features in one scan: neighbours, contacts, clusters."""

from __future__ import annotations

from xctgraph.queries.chart import Chart
from xctgraph.queries.parameter import Parameter
from xctgraph.queries.parts import ANY_SCAN, FEATURE, KIND, NEIGHBOUR_KIND, SAMPLE, SCAN, gap, limit, of, text
from xctgraph.queries.query import Query
from xctgraph.store.schema import FEATURES, SCANS
from xctgraph.store.schema_edges import NEAR
from xctgraph.store.table import column

_MIN_FEATURES = Parameter("min_features", "integer", "smallest number of features of a cluster", default=2, minimum=1)

QUERIES = (
    Query(
        "neighbours",
        "Which features of the same scan lie within a gap of this one, and which of them does it touch? "
        "The feature tells sample and scan.",
        (FEATURE, gap("gap_um", "largest gap between the surfaces", 25.0), KIND),
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
        Chart("scatter", "gap", "equivalent_diameter", "kind"),
    ),
    Query(
        "density-around-features",
        "Which features at scan t have the densest surroundings? Neighbours are counted by the gap between surfaces; "
        "local_density is the stored volume fraction of inclusions and pores within scans.density_radius. Features at the border "
        "of the volume have part of their surroundings outside it, so their counts are too low.",
        (SCAN, SAMPLE, KIND, NEIGHBOUR_KIND, gap("gap_um", "largest gap between the surfaces", 25.0), limit(20)),
        (
            *of(FEATURES, "feature_id", "uid", "sample", "t", "kind", "z", "y", "x", "equivalent_diameter"),
            column("n_neighbours", "int64", "features of neighbour_kind within gap_um", "1"),
            column("neighbour_volume", "float64", "their total volume", "um^3"),
            column("nearest_gap", "float64", "smallest gap among them; null without any", "um", nullable=True),
            *of(FEATURES, "local_density", "border_touching"),
        ),
        ("n_neighbours DESC", "local_density DESC (nulls last)", "feature_id"),
        text("density-around-features"),
        Chart("scatter", "local_density", "n_neighbours", "kind"),
    ),
    Query(
        "nearest-gaps",
        "How far is the nearest neighbour of the features of each kind? Gaps are known up to the near_gap of the scan: n_without "
        "features have no neighbour that close and are in none of the statistics, which are therefore too low where n_without is "
        "a large part of n_features.",
        (SAMPLE, ANY_SCAN, KIND, NEIGHBOUR_KIND),
        (
            *of(SCANS, "scan_id", "sample", "t"),
            *of(FEATURES, "kind"),
            column("n_features", "int64", "number of features", "1"),
            column("n_without", "int64", "of these, without a neighbour within near_gap", "1"),
            *of(SCANS, "near_gap"),
            column("mean_gap", "float64", "mean gap to the nearest neighbour", "um", nullable=True),
            column("p10_gap", "float64", "10 % have a smaller one", "um", nullable=True),
            column("median_gap", "float64", "median gap to the nearest neighbour", "um", nullable=True),
            column("p90_gap", "float64", "90 % have a smaller one", "um", nullable=True),
        ),
        ("scan_id", "kind"),
        text("nearest-gaps"),
        Chart("line", "t", "median_gap", "kind"),
        "Clark and Evans, Distance to nearest neighbor as a measure of spatial relationships in populations, Ecology 35 (1954) "
        "445, with gaps between surfaces in place of distances between points",
    ),
    Query(
        "isolated-features",
        "Which features at scan t have no neighbour within gap_um? Largest first. A neighbour outside the volume is not seen: "
        "border_touching marks where there may be one.",
        (
            SCAN,
            SAMPLE,
            KIND,
            NEIGHBOUR_KIND,
            gap("gap_um", "smallest gap to the nearest neighbour, not included", 25.0),
            limit(1000),
        ),
        (
            *of(FEATURES, "feature_id", "uid", "sample", "t", "kind", "z", "y", "x", "volume", "equivalent_diameter"),
            column(
                "nearest_gap", "float64", "gap to the nearest neighbour; null beyond the scan's near_gap", "um", nullable=True
            ),
            *of(FEATURES, "border_touching"),
        ),
        ("volume DESC", "feature_id"),
        text("isolated-features"),
        Chart("scatter", "equivalent_diameter", "nearest_gap", "kind"),
    ),
    Query(
        "clusters",
        "Which are the largest clusters at scan t: features joined by gaps of at most the scan's cluster_gap? Extents are "
        "those of the centroids. A cluster with n_at_border may go on outside the volume.",
        (SCAN, SAMPLE, _MIN_FEATURES, limit(20)),
        (
            *of(FEATURES, "cluster_id", "sample", "t"),
            column("n_features", "int64", "number of features", "1"),
            *(column(f"n_{k}s", "int64", f"of these, {k}s", "1") for k in ("inclusion", "pore", "fracture")),
            column("n_kinds", "int64", "different kinds among them", "1"),
            column("volume", "float64", "their total volume", "um^3"),
            *(column(axis, "float64", f"mean {axis} of the centroids", "um") for axis in "zyx"),
            *(column(f"extent_{axis}", "float64", f"largest less smallest {axis} of the centroids", "um") for axis in "zyx"),
            column("n_at_border", "int64", "of the features, those that touch the border", "1"),
            *of(SCANS, "cluster_gap"),
        ),
        ("n_features DESC", "cluster_id"),
        text("clusters"),
        Chart("bar", "cluster_id", "n_features"),
    ),
    Query(
        "contacts-between-kinds",
        "Which share of the features of one kind touches features of another, and over which area? Pores that touch inclusions "
        "are where these have come off the matrix (decohesion) or have broken. A row for each kind and each other kind that it "
        "touches; pairs of kinds without contact have none.",
        (SAMPLE, ANY_SCAN),
        (
            *of(SCANS, "scan_id", "sample", "t"),
            *of(FEATURES, "kind"),
            column("other_kind", "string", "kind of what is touched"),
            column("n_contacts", "int64", "pairs of a feature of kind and one of other_kind that touch", "1"),
            column("contact_area", "float64", "their total contact_area", "um^2"),
            column("n_features", "int64", "features of kind in the scan", "1"),
            column("n_touched", "int64", "of these, those that touch one of other_kind", "1"),
            column("share_touched", "float64", "n_touched over n_features", "1"),
        ),
        ("scan_id", "kind", "other_kind"),
        text("contacts-between-kinds"),
        Chart("line", "t", "share_touched", "kind"),
        "Babout, Maire and Fougeres, Damage initiation in model metallic materials: X-ray tomography and modelling, "
        "Acta Materialia 52 (2004) 2475",
    ),
    Query(
        "features-between-fractures",
        "Which features lie within gap_um of two fractures or more, as bridges where these may join? A row for each feature and "
        "each of its fractures.",
        (SAMPLE, ANY_SCAN, gap("gap_um", "largest gap between feature and fracture", 25.0)),
        (
            *of(FEATURES, "feature_id"),
            column("feature", "string", "uid of the feature"),
            column("fracture_id", "int64", "feature_id of the fracture"),
            column("fracture", "string", "uid of the fracture"),
            *of(FEATURES, "sample", "t", "kind"),
            column("n_fractures", "int64", "fractures within gap_um of the feature", "1"),
            *of(NEAR, "gap"),
            column("contact_area", "float64", "contact of the two; null where they do not touch", "um^2", nullable=True),
            *of(FEATURES, "z", "y", "x", "volume", "equivalent_diameter", "local_density", "track_id"),
        ),
        ("feature_id", "fracture_id"),
        text("features-between-fractures"),
        Chart("scatter", "gap", "equivalent_diameter", "kind"),
    ),
)
