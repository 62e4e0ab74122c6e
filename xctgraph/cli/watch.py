"""`ingest --watch`: one line per event, and how the watch ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from xctgraph.cli.common import Interrupted, open_store
from xctgraph.cli.output import Progress, write_json
from xctgraph.cli.result import write_result
from xctgraph.store.errors import InputError

if TYPE_CHECKING:
    from xctgraph.ingest.config import Dataset
    from xctgraph.ingest.resources import Resources
    from xctgraph.ingest.watch import Event


def run_watch(
    dataset: Dataset,
    folder: Path,
    given: dict[str, Any],
    *,
    store: Path,
    graph: str | None,
    replace: bool,
    resources: Resources,
    json_: bool,
) -> None:
    """Watch until a limit is reached or the user ends it; exit code 1 if scans are left that could not be ingested."""
    from xctgraph.ingest import watch

    rules = {name: given[name] for name in ("pattern", "settle_s") if given[name] is not None}
    dataset = dataset.model_copy(update={"watch": dataset.watch.model_copy(update=rules)})
    if not folder.is_dir():
        raise InputError(f"--watch {folder}: there is no such folder; make it, or name the one that scans are written to")
    unread: dict[str, str] = {}
    progress = Progress(quiet=json_)
    with open_store(store, create=True, graph=graph) as opened:
        if not json_:
            typer.echo(f"watching {folder} for {dataset.watch.pattern}; end with Ctrl-C", err=True)
        limits = watch.Limits(given["until"], given["idle"])
        try:
            events = watch.watch(opened, dataset, folder, limits=limits, replace=replace, resources=resources, progress=progress)
            for event in events:
                progress.close()
                # Counted before it is told: who is told may end the watch at once.
                unread.pop(event.name, None)
                if event.kind in ("failed", "left out"):
                    unread[event.name] = event.reason
                _tell(event, json_=json_)
        except Interrupted:
            typer.echo("watch ended: a scan at work was left out; the same command goes on from there", err=True)
        finally:
            progress.close()
    if unread:
        typer.echo(f"{len(unread)} scans could not be ingested: {', '.join(unread)}", err=True)
        raise typer.Exit(1)


def _tell(event: Event, *, json_: bool) -> None:
    if json_:
        write_json(event.row())
    elif event.result is not None:
        typer.echo(f"{event.name}: queryable after {event.seconds:.1f} s")
        write_result(event.result)
    else:
        typer.echo(f"{event.name}: {event.kind}: {event.reason}", err=True)
    sys.stdout.flush()
