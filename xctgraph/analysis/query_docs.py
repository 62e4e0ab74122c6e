"""`docs/queries.md`: the catalogue, with answers about a small synthetic sample.

`python -m xctgraph.analysis.query_docs docs/queries.md` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from xctgraph.ingest import config, pipeline, synth
from xctgraph.queries import Query, catalogue
from xctgraph.store import Store, open_store

SAMPLE = synth.SynthSpec(
    shape=(72, 96, 96), steps=4, features=150, seed=1, fractures=2, fracture_end=1.0, noise=0.3, drift_voxels=4.0,
    births=0.05, deaths=0.05, splits=0.06, merges=0.06, attached=0.3,
)  # fmt: skip
# Where the default finds nothing in so small and clear a sample.
GIVEN: Mapping[str, Mapping[str, object]] = {
    "isolated-features": {"gap_um": 15.0},
    "doubtful-links": {"confidence_max": 0.999},
}
ROWS = 4
WIDE = 12

_INTRODUCTION = """\
# Questions of the library

Made from `xctgraph/queries` by `python -m xctgraph.analysis.query_docs docs/queries.md`; do not edit.

Ask them with `xctgraph query NAME --param NAME=VALUE`, or in Python with `catalogue["NAME"].run(store, …)` from
`xctgraph.queries`. Every one is a single Cypher text that gives the same rows in the same order on the embedded engine and on
Neo4j; copy it and change it for `xctgraph cypher`. Lengths may be given with a unit (`gap_um="25 um"`). A sample, scan, kind or
feature that is not in the store is an error and no empty answer, and so is a gap beyond the one up to which `NEAR` edges were
stored. Which engine suits: at 5 million features the embedded one answers all but eight sooner than Neo4j, most of them in
under 2 s ([times of each](performance.md#30-scans-of-165000-features)).

The examples are answers about a synthetic sample of four small scans with two fractures; numbers are shown to four digits. A
chart is a hint how to draw an answer.
"""


def markdown() -> str:
    """The whole page; makes and ingests the sample of the examples."""
    contents = "\n".join(f"- [{q.name}](#{q.name}): {q.question.partition('?')[0]}?" for q in catalogue.values())
    with TemporaryDirectory(prefix="xctgraph-") as folder, open_store(Path(folder) / "xct.store", create=True) as store:
        made = synth.generate(Path(folder) / "data", SAMPLE)
        pipeline.ingest(store, config.load(made.dataset))
        sections = [query.describe() + "\n" + example(query, store) for query in catalogue.values()]
    return "\n".join([_INTRODUCTION, contents + "\n", *sections])


def example(query: Query, store: Store) -> str:
    """The first rows of an answer, and how it was asked for: about scan 1 and its largest feature where one is required."""
    (feature,) = store.sql("SELECT uid FROM features WHERE t = 1 ORDER BY volume DESC, feature_id LIMIT 1")["uid"].to_pylist()
    required = {p.name: {"t": 1, "feature": feature}[p.name] for p in query.parameters if p.required}
    given = {**required, **GIVEN.get(query.name, {})}
    answer = query.run(store, **given)
    asked = " ".join([f"xctgraph query {query.name}", *(f"--param {name}={value}" for name, value in given.items())])
    shown = answer.slice(0, ROWS)
    count = f"{shown.num_rows} of {answer.num_rows} rows" if shown.num_rows < answer.num_rows else f"{answer.num_rows} rows"
    return "\n".join([f"`{asked}` ({'1 row' if answer.num_rows == 1 else count}):", "", *_table(shown), ""])


def _table(rows: pa.Table) -> list[str]:
    cells = [[f"`{name}`", *map(_cell, rows[name].to_pylist())] for name in rows.column_names]
    if rows.num_columns > WIDE:
        return [_line(["column", *(f"row {i + 1}" for i in range(rows.num_rows))]), _rule(rows.num_rows + 1), *map(_line, cells)]
    head, *body = zip(*cells, strict=True)
    return [_line(head), _rule(len(head)), *map(_line, body)]


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def _rule(n_columns: int) -> str:
    return "|" + "---|" * n_columns


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{float(f'{value:.4g}'):.10g}"
    return "" if value is None else str(value).replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
