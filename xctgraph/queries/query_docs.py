"""`docs/queries.md`, made from the catalogue: `python -m xctgraph.queries.query_docs docs/queries.md` writes it anew."""

from __future__ import annotations

import sys
from pathlib import Path

from xctgraph.queries.collection import catalogue

_INTRODUCTION = """\
# Questions of the library

Made from `xctgraph/queries` by `python -m xctgraph.queries.query_docs docs/queries.md`; do not edit.

Ask them with `xctgraph query NAME --param NAME=VALUE`, or in Python with `catalogue["NAME"].run(store, …)` from
`xctgraph.queries`. Every one is a single Cypher text that gives the same rows in the same order on the embedded engine and on
Neo4j; copy it and change it for `xctgraph cypher`. Lengths may be given with a unit (`gap_um="25 um"`). A sample, scan, kind or
feature that is not in the store is an error and no empty answer, and so is a gap beyond the one up to which `NEAR` edges were
stored.
"""


def markdown() -> str:
    """The whole page."""
    contents = "\n".join(f"- [{q.name}](#{q.name}): {q.question.partition('?')[0]}?" for q in catalogue.values())
    return "\n".join([_INTRODUCTION, contents + "\n", *(query.describe() for query in catalogue.values())])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
