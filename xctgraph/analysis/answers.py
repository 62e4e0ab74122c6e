"""The five headline questions, each answered from the graph by a query of the catalogue, in a sentence made from its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xctgraph.analysis import plots
from xctgraph.analysis.html import number
from xctgraph.analysis.scene import Picture, scene_of
from xctgraph.queries import Query, catalogue
from xctgraph.store import Store, ids

TRACKS_SHOWN = 8


@dataclass(frozen=True)
class Answer:
    """A question, the sentence that answers it, the table behind the sentence, and the query that made the table."""

    question: str
    sentence: str
    table: pa.Table
    units: dict[str, str]
    query: str
    cypher: str
    parameters: dict[str, object]
    pictures: tuple[Picture, ...] = ()
    caveat: str = ""


@dataclass(frozen=True)
class Context:
    """What every question is asked about: one sample, its scans in order of t, and its voxel size (z, y, x, µm)."""

    store: Store
    sample: str
    scans: list[dict[str, Any]]
    spacing: tuple[float, float, float]

    @property
    def last(self) -> dict[str, Any]:
        """The last scan."""
        return self.scans[-1]


def headline(context: Context) -> list[Answer]:
    """Answer the five questions about one sample."""
    questions: tuple[Callable[[Context], Answer], ...] = (contents, growth, events, reached, direction)
    return [ask(context) for ask in questions]


def contents(context: Context) -> Answer:
    """Say what is in each scan."""
    asked = _ask(context, "counts-and-volume-fraction")
    first, last = context.scans[0]["t"], context.last["t"]
    sentence = f"Scan {first} holds {_inventory(asked.rows, first)}"
    sentence += f"; scan {last} holds {_inventory(asked.rows, last)}." if last != first else "."
    features = context.store.read("features", sample=context.sample, t=last, columns=["kind", "equivalent_diameter"])
    counted = Picture(
        plots.counts(asked.rows),
        "Number and volume fraction of each kind of feature in every scan.",
        "Number of features and their share of the volume of the material, by kind.",
    )
    sized = Picture(
        plots.sizes(features),
        f"Distribution of the equivalent diameter of the features of scan {last}, by kind.",
        f"Equivalent diameter of the {number(features.num_rows)} features of scan {last} in {plots.BINS} logarithmic bins.",
    )
    return asked.answer(
        "What is in each scan?",
        sentence,
        ("t", "kind", "n_features", "volume", "volume_fraction"),
        (counted, sized),
        "Counts depend on the segmentation and on the smallest size that was kept.",
    )


def growth(context: Context) -> Answer:
    """Say which features grow fastest."""
    asked = _ask(context, "fastest-growing-tracks", limit=50)
    rows = asked.rows.to_pylist()
    pictures: tuple[Picture, ...] = ()
    sentence = "No feature was followed over two scans or more, so none has a growth."
    if rows:
        sentence = f"Fastest is {_grown(rows[0])}"
        defect = next((row for row in rows if row["kind"] != "fracture"), None)
        if defect is not None and rows[0]["kind"] == "fracture":
            sentence += f"; among the other kinds it is {_grown(defect)}"
        sentence += "."
        pictures = (_histories(context, asked.rows.slice(0, TRACKS_SHOWN)),)
    return asked.answer(
        "Which features grow fastest?",
        sentence,
        ("track_id", "kind", "t_first", "t_last", "volume_first", "volume_last", "growth_per_scan", "relative_growth_per_scan"),
        pictures,
        "Growth is the last volume of a track less its first, per scan; what merges into a feature counts as its growth.",
    )


def events(context: Context) -> Answer:
    """Say what was born, died, split, merged or was swallowed."""
    asked = _ask(context, "births-deaths-splits-merges")
    total = {name: _sum(asked.rows, name) for name in ("births", "deaths", "splits", "merges", "swallowed")}
    at_border = _sum(asked.rows, "births_at_border") + _sum(asked.rows, "deaths_at_border")
    sentence = (
        f"Over {_many(len(context.scans), 'scan')}, {_many(total['births'], 'feature')} appeared and {number(total['deaths'])} "
        f"disappeared ({number(at_border)} of these at the border of the volume), {number(total['splits'])} split, "
        f"{number(total['merges'])} came from a merger, and {number(total['swallowed'])} were swallowed by a fracture."
    )
    shown = Picture(
        plots.events(asked.rows),
        "Births, deaths, splits, mergers and swallowed features in every scan.",
        "Births and mergers stand at the scan that first shows the result, all others at the last scan before the event.",
    )
    return asked.answer(
        "What was born, died, split, merged or swallowed?",
        sentence,
        ("t", "n_features", "births", "deaths", "splits", "merges", "swallowed", "births_at_border", "deaths_at_border"),
        (shown,),
        "A link that was missed looks like a death and a birth; features near the smallest size kept come and go with the noise.",
    )


def reached(context: Context) -> Answer:
    """Say which defects near a fracture it reached by the next scan."""
    gap = float(context.last["near_gap"])
    asked = _ask(context, "near-fracture-then-reached", gap_um=gap)
    rows = asked.rows.to_pylist()
    sentence = f"No defect within {number(gap)} µm of a fracture was reached by it in the next scan."
    if rows:
        largest = max(rows, key=lambda row: float(row["volume"]))
        swallowed = sum(row["outcome"] == "swallowed" for row in rows)
        sentence = (
            f"Of the defects within {number(gap)} µm of a fracture, {number(swallowed)} were swallowed by the next scan and "
            f"{number(len(rows) - swallowed)} touched the fracture there; what it reached from farther away is not "
            f"counted. The largest is the {largest['kind']} "
            f"{largest['feature']}, {number(largest['equivalent_diameter'])} µm across: {largest['outcome']}."
        )
    return asked.answer(
        "Which defects near a fracture did it reach by the next scan?",
        sentence,
        ("t", "fracture", "feature", "kind", "gap", "outcome", "equivalent_diameter", "local_density"),
        (scene_of(context.store, context.sample, context.last["t"], context.spacing),),
        "The nearest defects are reached first whatever drives the fracture: this list alone shows no attraction.",
    )


def direction(context: Context) -> Answer:
    """Say whether the fracture extends toward regions of higher defect density, in a first form without a null model."""
    radius = float(context.last["near_gap"])
    asked = _ask(context, "fracture-growth-vs-density", radius_um=radius)
    known = asked.rows.filter(pc.is_valid(asked.rows["density_difference"]))
    sentence = "No fracture reached some defects and missed others between two scans, so the two cannot be compared."
    scenes: tuple[Picture, ...] = (
        scene_of(context.store, context.sample, context.last["t"], context.spacing, colour_by="local_density"),
    )
    if known.num_rows:
        higher = int(pc.sum(pc.greater(known["density_difference"], 0)).as_py())
        hit, missed = _mean(known, "density_reached", "n_reached"), _mean(known, "density_not_reached", "n_not_reached")
        sentence = (
            f"In {number(higher)} of {_many(known.num_rows, 'comparison')}, the defects that a fracture reached had more defects "
            f"around them than those within {number(radius)} µm that it missed: a mean local density of {number(hit)} against "
            f"{number(missed)} over all. That rests on {_many(int(pc.sum(known['n_reached']).as_py()), 'reached defect')}."
        )
        scenes = (_comparison(context, known), *scenes)
    return asked.answer(
        "Does the fracture extend toward regions of higher defect density?",
        sentence,
        (
            "t",
            "fracture",
            "growth",
            "n_near",
            "n_reached",
            "density_reached",
            "density_not_reached",
            "gap_reached",
            "gap_not_reached",
        ),
        scenes,
        "A first form: there is no null model and no interval, and the distance to the fracture, which decides most of what it "
        "reaches, is not held constant. It describes this sample and is no evidence of attraction. "
        "`xctgraph analyze growth` tests that on the sites of the fronts.",
    )


@dataclass(frozen=True)
class _Asked:
    query: Query
    parameters: dict[str, object]
    rows: pa.Table

    def answer(self, question: str, sentence: str, columns: Sequence[str], pictures: tuple[Picture, ...], caveat: str) -> Answer:
        units = {c.name: c.unit for c in self.query.columns if c.name in columns}
        table = self.rows.select(list(columns))
        return Answer(question, sentence, table, units, self.query.name, self.query.text, self.parameters, pictures, caveat)


def _ask(context: Context, name: str, **more: object) -> _Asked:
    query, given = catalogue[name], {"sample": context.sample, **more}
    return _Asked(query, dict(query.parse(given)), query.run(context.store, **given))


def _histories(context: Context, tracks: pa.Table) -> Picture:
    history = context.store.sql(
        "SELECT track_id, t, volume FROM features WHERE list_contains($tracks, track_id) ORDER BY track_id, t",
        {"tracks": tracks["track_id"].to_pylist()},
    )
    named = {row["track_id"]: f"{row['kind']} {_began(row)}" for row in tracks.to_pylist()}
    names = [named[track] for track in history["track_id"].to_pylist()]
    return Picture(
        plots.growth(history.append_column("name", pa.array(names, pa.string()))),
        f"Volume over the scans of the {tracks.num_rows} tracks that grow fastest.",
        f"The {tracks.num_rows} tracks that gain most volume per scan, named by their first feature; each point is one feature.",
    )


def _comparison(context: Context, known: pa.Table) -> Picture:
    return Picture(
        plots.pairs(
            known,
            before=("density_not_reached", "not reached"),
            after=("density_reached", "reached"),
            title="mean local density",
        ),
        "Mean local density around the defects that the fracture reached and around those that it did not, by scan.",
        f"Volume fraction of other defects within {number(float(context.last['density_radius']))} µm, averaged over the defects "
        "that the fracture reached by the next scan and over those that it did not; one pair per fracture and scan.",
    )


def _inventory(table: pa.Table, t: int) -> str:
    rows = table.filter(pc.equal(table["t"], t)).sort_by([("n_features", "descending"), ("kind", "ascending")]).to_pylist()
    parts = [f"{_many(r['n_features'], r['kind'])} ({100 * r['volume_fraction']:.2g} %)" for r in rows if r["n_features"]]
    return ", ".join(parts) or "no feature"


def _many(n: int, noun: str) -> str:
    return f"{number(n)} {noun}" if n == 1 else f"{number(n)} {noun}s"


def _grown(row: dict[str, Any]) -> str:
    first, last = number(row["volume_first"]), number(row["volume_last"])
    span = f"between scans {row['t_first']} and {row['t_last']}"
    return f"the {row['kind']} {_began(row)}, from {first} to {last} µm³ {span}"


def _began(row: dict[str, Any]) -> str:
    """The uid of the first feature of a track, whose id is the track's."""
    _, t, label = ids.unpack(row["track_id"])
    return ids.uid(row["sample"], t, label)


def _sum(table: pa.Table, column: str) -> int:
    return int(pc.sum(table[column]).as_py() or 0)


def _mean(table: pa.Table, column: str, weight: str) -> float:
    return float(np.average(table[column].to_numpy(), weights=table[weight].to_numpy()))
