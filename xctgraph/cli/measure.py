"""`measure`: scans measured without a store, for job arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xctgraph.cli.common import Json
from xctgraph.cli.output import Progress, write_json
from xctgraph.store.errors import InputError


def measure(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET.toml", help="The dataset file.", show_default=False)],
    into: Annotated[Path, typer.Option("--into", help="Folder for the measured scans.")] = Path("measured"),
    t: Annotated[
        list[int] | None, typer.Option("--t", help="Scan to measure; may be given again.", min=0, show_default="all")
    ] = None,
    json_: Json = False,
) -> None:
    """Measure scans and put them into a folder, for xctgraph ingest --measured.

    Any number of processes may measure scans of one dataset at once, on any machine that sees the files. A scan that is in the
    folder already is not measured again.
    """
    from xctgraph.ingest import config, measured, plan
    from xctgraph.ingest.resources import Resources

    declared = config.load(dataset)
    known = [scan.t for scan in declared.scan]
    if missing := sorted(set(t or ()) - set(known)):
        raise InputError(f"--t {missing[0]}: {dataset} has no such scan. It has t = {', '.join(map(str, sorted(known)))}")
    if t:
        declared = declared.model_copy(update={"scan": [scan for scan in declared.scan if scan.t in t]})
    allowed = Resources()
    progress = Progress(quiet=json_)
    try:
        made = {
            one.scan.t: measured.make(declared, one, into, progress, allowed)
            for one in plan.make(None, declared, replace=False, resources=allowed)
        }
    finally:
        progress.close()
    if json_:
        write_json([{"t": at, "path": str(path)} for at, path in made.items()])
        return
    for at, path in made.items():
        typer.echo(f"t = {at}: measured, {path}")
    typer.echo(f"When all scans are there: xctgraph ingest {dataset} --measured {into}")
