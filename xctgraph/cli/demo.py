"""`demo`: the main job from start to end on a small sample with known truth."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from xctgraph.cli.common import Json
from xctgraph.cli.output import Format, Progress, write_json, write_table

ROWS = 5
NEXT_COMMANDS = (
    "query largest-features --param t=0",
    "cypher \"MATCH (f:Feature)-[:TOUCHES]-(c:Feature {kind: 'fracture'}) RETURN f.t AS t, count(*) AS n ORDER BY t\"",
    'sql "SELECT kind, t, avg(volume) AS mean_volume FROM features GROUP BY ALL ORDER BY ALL"',
    "export pyg snapshots",
)


def demo(
    out: Annotated[Path, typer.Argument(help="Folder for data, store and report.")] = Path("demo"),
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sample.")] = 0,
    json_: Json = False,
) -> None:
    """Make, ingest and question a small 4D sample.

    Writes volumes with known truth, the store, and report.html with the answers to five questions.
    """
    from xctgraph.analysis.demo import demo as run

    progress = Progress(quiet=json_)
    try:
        result = run(out, seed=seed, progress=progress)
    finally:
        progress.close()
    if json_:
        write_json(
            {
                "store": str(result.store),
                "report": str(result.report),
                "checked": result.checked,
                "answers": [{"question": a.question, "answer": a.sentence} for a in result.answers],
            }
        )
        return
    for number, answer in enumerate(result.answers, start=1):
        typer.echo(f"\n{number}. {answer.question}\n   {answer.sentence}\n")
        write_table(answer.table.slice(0, ROWS), Format.table, None)
        if answer.table.num_rows > ROWS:
            typer.echo(f"({ROWS} of {answer.table.num_rows} rows; more in the report)")
    typer.echo(f"\n{result.checked}")
    typer.echo(f"\nReport: {result.report}\n\nTry next:")
    activate = Path(sys.executable).parent / "activate"
    # `uv run`, as in `make demo`, puts the command on the path of its child only.
    if (shutil.which("xctgraph") is None or "UV_RUN_RECURSION_DEPTH" in os.environ) and activate.is_file():
        typer.echo(f"  source {os.path.relpath(activate)}")
    for command in NEXT_COMMANDS:
        typer.echo(f"  xctgraph {command} --store {result.store}")
    if find_spec("torch_geometric") is None:
        typer.echo("  (export pyg needs the extra `ml`, in a checkout: make .venv/full)")
