"""`report`: one HTML file about a sample or a stored study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xctgraph.cli.common import DEFAULT_STORE, GraphUri, Json, StorePath, open_store
from xctgraph.cli.output import Progress, write_json
from xctgraph.store.errors import InputError


def report(
    out: Annotated[Path, typer.Argument(help="HTML file to write; one of that name is replaced.")] = Path("report.html"),
    sample: Annotated[str | None, typer.Option("--sample", help="Sample.", show_default="the only one")] = None,
    study: Annotated[
        str | None,
        typer.Option("--study", help="Study in place of the sample: its id, or how that begins.", show_default=False),
    ] = None,
    draws: Annotated[int, typer.Option("--draws", help="Draws of bootstraps and permutations.", min=99)] = 999,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all random draws.", min=0)] = 0,
    store: StorePath = DEFAULT_STORE,
    graph: GraphUri = None,
    json_: Json = False,
) -> None:
    """Write one HTML file that needs nothing else: answers, figures, studies, methods; or one study with its figure."""
    from xctgraph.analysis import report as written

    if study is not None and sample is not None:
        raise InputError(f"--sample {sample} and --study {study} are both given: a study names its sample, give one of them")
    progress = Progress(quiet=json_)
    with open_store(store, graph=graph) as opened:
        if study is None:
            page = written.write(opened, out, sample=sample, seed=seed, n_draws=draws, progress=progress)
        else:
            page = written.write_study(opened, study, out)
    progress.close()
    size = page.stat().st_size
    if json_:
        write_json({"report": str(page), "bytes": size})
        return
    typer.echo(f"{page} ({size / 1e6:.1f} MB)")
