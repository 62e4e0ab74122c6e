"""Questions about what drives change from one scan to the next: motion, growth, density."""

from __future__ import annotations

from xctgraph.queries.chart import Chart
from xctgraph.queries.parameter import Parameter
from xctgraph.queries.parts import ANY_SCAN, KIND, NEIGHBOUR_KIND, SAMPLE, VOLUME_MIN, gap, of, text
from xctgraph.queries.query import Query
from xctgraph.store.schema import FEATURES, SCANS
from xctgraph.store.schema_edges import NEXT
from xctgraph.store.table import column

_BIN_WIDTH = Parameter("bin_width", "number", "width of the bins of local_density", "1", default=0.005, minimum=1e-6, maximum=1)
_INSIDE = Parameter(
    "border",
    "string",
    "inside: without features that touch the border at either scan, where volumes are cut off",
    default="inside",
    choices=("any", "inside"),
)
_GROWTH = (
    column("n_features", "int64", "features that went on to the next scan", "1"),
    column("mean_growth", "float64", "mean growth", "1"),
    column("p25_growth", "float64", "25 % grow less", "1"),
    column("median_growth", "float64", "median growth", "1"),
    column("p75_growth", "float64", "75 % grow less", "1"),
)

QUERIES = (
    Query(
        "motion-between-scans",
        "How far did the features of each kind move to their next scan, and how unlike each other? Only features that went on as "
        "one (event continue). Displacements are in the frames of the scans, so a shift of the stage is part of the mean; the "
        "spread, the range of the middle half, is strain and rotation, and errors of the links.",
        (SAMPLE, ANY_SCAN, KIND),
        (
            *of(SCANS, "scan_id", "sample", "t"),
            *of(FEATURES, "kind"),
            *of(NEXT, "dt"),
            column("n_features", "int64", "features that went on", "1"),
            *(column(f"mean_d{axis}", "float64", f"mean displacement of the centroids along {axis}", "um") for axis in "zyx"),
            *(
                column(f"spread_d{axis}", "float64", f"75 % less 25 % quantile of the displacement along {axis}", "um")
                for axis in "zyx"
            ),
        ),
        ("scan_id", "kind", "dt"),
        text("motion-between-scans"),
        Chart("line", "t", "mean_dz", "kind"),
        "Kobayashi et al., High-density three-dimensional mapping of internal strain by tracking microstructural features, "
        "Acta Materialia 56 (2008) 2167",
    ),
    Query(
        "growth-vs-neighbours",
        "Do features with more neighbours grow faster? Growth is (volume at the next scan - volume) / volume of features that "
        "went on as one; a row for each kind and number of neighbours within gap_um, over all scans. A first look without a "
        "null model: the noise of a small volume makes growth, and scans and features are not independent.",
        (
            SAMPLE,
            ANY_SCAN,
            KIND,
            NEIGHBOUR_KIND,
            gap("gap_um", "largest gap between the surfaces", 25.0),
            VOLUME_MIN,
            _INSIDE,
        ),
        (*of(FEATURES, "kind"), column("n_neighbours", "int64", "features of neighbour_kind within gap_um", "1"), *_GROWTH),
        ("kind", "n_neighbours"),
        text("growth-vs-neighbours"),
        Chart("scatter", "n_neighbours", "median_growth", "kind"),
        "Hannard et al., Characterization and micromechanical modelling of microstructural heterogeneity effects on ductile "
        "fracture of 6xxx aluminium alloys, Acta Materialia 103 (2016) 558",
    ),
    Query(
        "growth-vs-density",
        "Do features in denser surroundings grow faster? Growth is (volume at the next scan - volume) / volume of features "
        "that went on as one; a row for each kind and bin of local_density, over all scans. A first look without a null model, "
        "as in `growth-vs-neighbours`; `xctgraph analyze` tests it.",
        (SAMPLE, ANY_SCAN, KIND, _BIN_WIDTH, VOLUME_MIN, _INSIDE),
        (
            *of(FEATURES, "kind"),
            column("density_min", "float64", "lower end of the bin of local_density, part of it", "1"),
            column("density_max", "float64", "upper end of the bin, not part of it", "1"),
            *_GROWTH,
        ),
        ("kind", "density_min"),
        text("growth-vs-density"),
        Chart("scatter", "density_min", "median_growth", "kind"),
    ),
    Query(
        "fracture-growth-vs-density",
        "Do fractures extend toward regions of higher defect density? One row per fracture at t that became a fracture at the "
        "next scan: its growth, the features within radius_um that it does not touch yet (fractures left out), and the mean "
        "local_density of those that it reaches by the next scan (touches or swallows) beside that of those that it does not "
        "reach; and the mean local_density ahead of the sites of its front that advanced beside that of those that did not. A "
        "positive density_difference says that what it reached lay in denser surroundings. This is a first look without a null "
        "model (that is `xctgraph analyze growth`): features that lie closer are reached more often and may lie denser (compare "
        "gap_reached with gap_not_reached), neighbouring sites are alike, and fractures and scans are not independent.",
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
            column("n_sites", "int64", "sites of its front whose advance is known", "1"),
            column("n_advanced", "int64", "sites that advanced until the next scan", "1"),
            column("density_advanced", "float64", "mean local_density ahead of sites that advanced", "1", nullable=True),
            column("density_not_advanced", "float64", "mean local_density ahead of the others", "1", nullable=True),
        ),
        ("fracture_id",),
        text("fracture-growth-vs-density"),
        Chart("scatter", "density_difference", "relative_growth", "sample"),
    ),
)
