"""Questions about births, deaths, mergers, splits, and what fractures take in."""

from __future__ import annotations

from xctgraph.queries.chart import Chart
from xctgraph.queries.parts import ANY_SCAN, KIND, SAMPLE, gap, limit, of, text
from xctgraph.queries.query import Query
from xctgraph.store.schema import FEATURES, SCANS
from xctgraph.store.schema_edges import NEAR, NEXT
from xctgraph.store.table import Column, column

_COME_OR_GONE = (
    *of(FEATURES, "feature_id", "uid", "sample", "t", "kind", "z", "y", "x", "volume", "equivalent_diameter"),
    *of(SCANS, "reliable_diameter"),
    column("fracture_gap", "float64", "gap to the nearest other fracture; null beyond the scan's near_gap", "um", nullable=True),
    *of(FEATURES, "local_density", "border_touching", "track_id"),
)


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
        Chart("line", "t", "births", "sample"),
    ),
    Query(
        "new-features",
        "Which features appeared: no earlier feature became them? Largest first. The first scan of a sample has no past and is "
        "left out. What is not much larger than reliable_diameter may have been there unseen, and what touches the border may "
        "have moved into view.",
        (SAMPLE, ANY_SCAN, KIND, limit(1000)),
        _COME_OR_GONE,
        ("volume DESC", "feature_id"),
        text("new-features"),
        Chart("scatter", "fracture_gap", "equivalent_diameter", "kind"),
        "Maire et al., Initiation and growth of damage in a dual-phase steel observed by X-ray microtomography, "
        "Acta Materialia 56 (2008) 4954",
    ),
    Query(
        "vanished-features",
        "Which features vanished: they became nothing later, nor were swallowed? Largest first. The last scan of a sample has no "
        "future and is left out. What is large and inside the volume is most likely a link that was missed.",
        (SAMPLE, ANY_SCAN, KIND, limit(1000)),
        _COME_OR_GONE,
        ("volume DESC", "feature_id"),
        text("vanished-features"),
        Chart("scatter", "fracture_gap", "equivalent_diameter", "kind"),
    ),
    Query(
        "merged-features",
        "Which features merged into what, and is the volume kept? A row for each feature that became part of a merged one; t "
        "is the scan of the merged one. A volume_balance above 0 is material that opened between them or growth meanwhile. A "
        "part that also became something else (event split) or that a fracture took in (event swallowed) counts with its whole "
        "volume.",
        (SAMPLE, ANY_SCAN, KIND),
        (
            column("merged_id", "int64", "feature_id of the merged feature"),
            column("merged", "string", "uid of the merged feature"),
            column("feature_id", "int64", "feature_id of what became part of it"),
            column("feature", "string", "uid of what became part of it"),
            *of(FEATURES, "sample", "t"),
            *of(NEXT, "dt", "event"),
            column("kind", "string", "kind of what became part of it"),
            column("merged_kind", "string", "kind of the merged feature"),
            column("n_merged", "int64", "features that became part of it", "1"),
            column("volume", "float64", "volume of what became part of it", "um^3"),
            column("volume_before", "float64", "volume of all that became part of it", "um^3"),
            column("merged_volume", "float64", "volume of the merged feature", "um^3"),
            column("volume_balance", "float64", "merged_volume - volume_before", "um^3"),
            column("relative_balance", "float64", "volume_balance over volume_before", "1"),
            *of(NEXT, "confidence"),
        ),
        ("merged_id", "feature_id"),
        text("merged-features"),
        Chart("scatter", "volume_before", "merged_volume", "merged_kind"),
        "Weck et al., Visualization by X-ray tomography of void growth and coalescence leading to fracture in model materials, "
        "Acta Materialia 56 (2008) 2919",
    ),
    Query(
        "split-features",
        "Which features split into what, and is the volume kept? A row for each part; t is the scan before the split. An "
        "inclusion that breaks keeps its volume but for the cracks. A part that other features became too counts with its "
        "whole volume.",
        (SAMPLE, ANY_SCAN, KIND),
        (
            column("feature_id", "int64", "feature_id of the feature that split"),
            column("feature", "string", "uid of the feature that split"),
            column("part_id", "int64", "feature_id of the part"),
            column("part", "string", "uid of the part"),
            *of(FEATURES, "sample", "t"),
            *of(NEXT, "dt", "event"),
            column("kind", "string", "kind of the feature that split"),
            column("part_kind", "string", "kind of the part"),
            column("n_parts", "int64", "parts that it became", "1"),
            column("volume", "float64", "volume of the feature that split", "um^3"),
            column("part_volume", "float64", "volume of the part", "um^3"),
            column("volume_after", "float64", "volume of all parts", "um^3"),
            column("volume_balance", "float64", "volume_after - volume", "um^3"),
            column("relative_balance", "float64", "volume_balance over volume", "1"),
            *of(NEXT, "confidence"),
        ),
        ("feature_id", "part_id"),
        text("split-features"),
        Chart("scatter", "volume", "volume_after", "kind"),
    ),
    Query(
        "swallowed-features",
        "Which features did a fracture take in by the next scan, how far was it from them before, and how dense were their "
        "surroundings? fracture is the one that holds them afterwards; gap and contact_area are to what it was before, at the "
        "scan t of the feature.",
        (SAMPLE, ANY_SCAN, KIND),
        (
            *of(FEATURES, "feature_id"),
            column("feature", "string", "uid of the feature at t"),
            column("fracture_id", "int64", "feature_id of the fracture that took it in"),
            column("fracture", "string", "uid of the fracture that took it in"),
            *of(FEATURES, "sample", "t"),
            *of(NEXT, "dt"),
            *of(FEATURES, "kind"),
            column("gap", "float64", "gap to the nearest fracture that became it; null beyond near_gap", "um", nullable=True),
            column("contact_area", "float64", "contact with these; null where they do not touch", "um^2", nullable=True),
            *of(FEATURES, "z", "y", "x", "volume", "equivalent_diameter", "local_density", "track_id"),
        ),
        ("feature_id", "fracture_id"),
        text("swallowed-features"),
        Chart("scatter", "gap", "local_density", "kind"),
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
        Chart("scatter", "gap", "local_density", "outcome"),
    ),
)
