"""Questions about fractures, their fronts and what lies ahead of them, and about regions."""

from __future__ import annotations

from xctgraph.queries.chart import Chart
from xctgraph.queries.parameter import Parameter
from xctgraph.queries.parts import ANY_SCAN, SAMPLE, of, text
from xctgraph.queries.query import Query
from xctgraph.store.schema import FEATURES, REGIONS, SCANS
from xctgraph.store.table import column

_AHEAD = Parameter("gap_um", "length", "largest gap between site and defect", "um", 25.0, minimum=0)
_FRACTURE = (
    column("fracture_id", "int64", "feature_id of the fracture"),
    column("fracture", "string", "uid of the fracture"),
)
_MEAN_ADVANCE = column("mean_advance", "float64", "mean advance of the sites", "um", nullable=True)
_N_ADVANCED = column("n_advanced", "int64", "sites that advanced until the next scan", "1")

QUERIES = (
    Query(
        "sites-advanced-vs-density",
        "Is the defect density ahead of a front higher where it advanced than where it did not? One row per fracture whose front "
        "was seen again: mean local_density ahead of the sites of either kind, and the covariance of advance and density over "
        "all sites. A raw comparison without a null model: neighbouring sites are not independent, one crack is one specimen, "
        "and speed and density may share a trend along the sample.",
        (SAMPLE, ANY_SCAN),
        (
            *_FRACTURE,
            *of(FEATURES, "sample", "t"),
            column("n_sites", "int64", "sites whose advance is known", "1"),
            _N_ADVANCED,
            _MEAN_ADVANCE,
            column("density_advanced", "float64", "mean local_density ahead of sites that advanced", "1", nullable=True),
            column("density_not_advanced", "float64", "mean local_density ahead of the others", "1", nullable=True),
            column("density_difference", "float64", "density_advanced - density_not_advanced", "1", nullable=True),
            column("covariance", "float64", "covariance of advance_um and local_density of the sites", "um", nullable=True),
        ),
        ("fracture_id",),
        text("sites-advanced-vs-density"),
        Chart("scatter", "density_not_advanced", "density_advanced", "sample"),
    ),
    Query(
        "defects-ahead-of-the-front",
        "Which inclusions and pores lie ahead of the front of a fracture, how near, and how many sites face them? Known up to "
        "the radius of the scan (scans.front_radius).",
        (SAMPLE, ANY_SCAN, _AHEAD),
        (
            *_FRACTURE,
            *of(FEATURES, "feature_id"),
            column("feature", "string", "uid of the defect"),
            *of(FEATURES, "sample", "t", "kind"),
            column("n_sites", "int64", "sites that face it", "1"),
            column("gap", "float64", "smallest gap between a site and the defect", "um"),
            *of(FEATURES, "equivalent_diameter", "local_density", "track_id"),
        ),
        ("fracture_id", "feature_id"),
        text("defects-ahead-of-the-front"),
        Chart("scatter", "gap", "local_density", "kind"),
    ),
    Query(
        "front-advance-by-scan",
        "How long are the fronts, how far do they come until the next scan, and what lies ahead of them, scan by scan?",
        (SAMPLE,),
        (
            *of(SCANS, "scan_id", "sample", "t"),
            column("n_fractures", "int64", "fractures", "1"),
            column("n_sites", "int64", "sites of their fronts", "1"),
            column("front_length", "float64", "length of the fronts", "um"),
            column("n_known", "int64", "sites whose advance is known", "1"),
            _N_ADVANCED,
            _MEAN_ADVANCE,
            column("largest_advance", "float64", "largest advance of a site", "um", nullable=True),
            column("local_density", "float64", "mean volume fraction of defects ahead", "1", nullable=True),
            column("opening", "float64", "mean opening behind the sites", "um", nullable=True),
        ),
        ("scan_id",),
        text("front-advance-by-scan"),
        Chart("line", "t", "mean_advance", "sample"),
    ),
    Query(
        "fracture-geometry",
        "How large, open, branched and tortuous is each fracture, and how does it lie to the load?",
        (SAMPLE, ANY_SCAN),
        of(
            FEATURES,
            "feature_id", "uid", "sample", "t", "track_id", "volume", "n_patches", "fracture_area", "tortuosity", "opening_mean",
            "opening_max", "load_angle", "fracture_length", "front_length",
        ),
        ("feature_id",),
        text("fracture-geometry"),
        Chart("line", "t", "fracture_area", "track_id"),
    ),
    Query(
        "swallowed-after-faced",
        "Of the defects that the front of a fracture faces at t, how many are swallowed by the next scan, by any fracture, and "
        "were those nearer than the ones left? Defects without a link to the next scan are counted as lost.",
        (SAMPLE, ANY_SCAN, _AHEAD),
        (
            *_FRACTURE,
            *of(FEATURES, "sample", "t"),
            column("n_faced", "int64", "defects ahead of its front", "1"),
            column("n_swallowed", "int64", "of these, swallowed by the next scan", "1"),
            column("n_lost", "int64", "of these, without a link to the next scan", "1"),
            column("n_left", "int64", "of these, seen at the next scan and not swallowed", "1"),
            column("gap_swallowed", "float64", "mean gap at t of those swallowed", "um", nullable=True),
            column("gap_left", "float64", "mean gap at t of those left", "um", nullable=True),
        ),
        ("fracture_id",),
        text("swallowed-after-faced"),
        Chart("scatter", "gap_left", "gap_swallowed", "sample"),
    ),
    Query(
        "regions-damage",
        "Where does damage grow? One row per region: what it holds, and how much fracture area and pore fraction it gains by the "
        "next scan; and how many of the regions beside it are cracked.",
        (SAMPLE, ANY_SCAN),
        (
            *of(
                REGIONS,
                "region_id", "sample", "t", "ref_z", "ref_y", "ref_x", "inclusion_fraction", "pore_fraction", "strain",
                "fracture_area",
            ),
            column("area_growth", "float64", "fracture_area gained by the next scan", "um^2", nullable=True),
            column("pore_growth", "float64", "pore_fraction gained by the next scan", "1", nullable=True),
            column("n_adjacent", "int64", "regions that share a face with it", "1"),
            column("n_adjacent_cracked", "int64", "of these, those with fracture area", "1"),
        ),
        ("region_id",),
        text("regions-damage"),
        Chart("scatter", "pore_fraction", "area_growth", "n_adjacent_cracked"),
    ),
)  # fmt: skip
