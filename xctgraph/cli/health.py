"""`doctor`, `gc`, `backup` and `restore`: a store's health."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from xctgraph.cli.common import DEFAULT_STORE, GraphUri, Json, StorePath, open_store
from xctgraph.cli.output import Progress, write_json
from xctgraph.store.errors import InputError
from xctgraph.store.remote import is_remote

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def doctor(
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove leftovers and load faulty projections anew; readable truth is never touched.")
    ] = False,
    to_revision: Annotated[
        int | None,
        typer.Option("--to-revision", help="With --repair: go back to this older revision.", min=0, show_default=False),
    ] = None,
    store: StorePath = DEFAULT_STORE,
    graph: GraphUri = None,
    json_: Json = False,
) -> None:
    """Compare parts, rows and projections with each other; exit code 1 if a fault is found (and left)."""
    from xctgraph.store import health

    if to_revision is not None and not repair:
        raise InputError(f"--to-revision {to_revision} changes the store: give --repair with it")
    done: list[str] = []
    progress = Progress(quiet=json_)
    with open_store(store, graph=graph) as opened:
        try:
            report = health.examine(opened, progress=progress)
            if repair and (report.faults or to_revision is not None):
                done = health.repair(opened, report, to_revision=to_revision, progress=progress)
                report = health.examine(opened, progress=progress)
        finally:
            progress.close()
    if json_:
        write_json({"store": str(store), "healthy": report.healthy, **asdict(report), "repaired": done})
    else:
        for line in done:
            typer.echo(f"repaired: {line}")
        for fault in report.faults:
            typer.echo(f"{fault.kind}: {fault.where}: {fault.what}\n    remedy: {fault.remedy}")
        for note in report.notes:
            typer.echo(f"note: {note}")
        verdict = "healthy" if report.healthy else f"{len(report.faults)} fault{'s' if len(report.faults) > 1 else ''}"
        at = "no readable revision" if report.revision is None else f"revision {report.revision}"
        typer.echo(f"store {store}, {at}, {report.n_parts} parts, {report.n_rows} rows: {verdict}")
    if not report.healthy:
        raise typer.Exit(1)


def gc(
    grace: Annotated[str, typer.Option("--grace", help="How long a reader may need an old revision: 90s, 30min, 2h, 1d.")] = "1h",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would go; remove nothing.")] = False,
    store: StorePath = DEFAULT_STORE,
    graph: GraphUri = None,
    json_: Json = False,
) -> None:
    """Remove old revisions, their parts, and what killed processes left."""
    from xctgraph.store import health

    seconds = _duration(grace)
    with open_store(store, graph=graph) as opened:
        collected = health.collect(opened, grace_seconds=seconds, dry_run=dry_run)
    if json_:
        write_json({"store": str(store), "dry_run": dry_run, **asdict(collected)})
        return
    for reason in collected.kept:
        typer.echo(f"kept: {reason}")
    verb = "would remove" if dry_run else "removed"
    typer.echo(
        f"{verb} {len(collected.revisions)} old revisions, {collected.n_parts} parts that only they list, "
        f"{collected.n_leftovers} leftovers: {collected.n_bytes / 1e6:.1f} MB"
    )


def backup(
    destination: Annotated[
        str, typer.Argument(help="Folder for the backup, best on another disk, or s3://BUCKET/FOLDER.", show_default=False)
    ],
    link: Annotated[bool, typer.Option("--link", help="Hard links in place of copies: at once, on the same disk.")] = False,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Copy the newest revision, also while an ingest runs; again into the same folder copies what is new."""
    from xctgraph.store import health
    from xctgraph.store.health import object_store

    progress = Progress(quiet=json_)
    with open_store(store) as opened:
        try:
            if is_remote(destination):
                if link:
                    raise InputError(
                        f"--link makes hard links on one disk, but {destination} is in an object store: leave it out"
                    )
                copied = object_store.back_up(opened, destination, progress=progress)
            else:
                copied = health.back_up(opened, Path(destination), link=link, progress=progress)
        finally:
            progress.close()
    if json_:
        write_json({"store": str(store), "backup": str(destination), **asdict(copied)})
        return
    typer.echo(
        f"revision {copied.revision} of {store} is in {destination}: {copied.n_copied} files copied, "
        f"{copied.n_there} there already, {copied.n_bytes / 1e6:.1f} MB, all checksums right"
    )


def restore(
    source: Annotated[str, typer.Argument(help="Folder of the backup, or s3://BUCKET/FOLDER.", show_default=False)],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make the backup the newest revision of a store that is there.")
    ] = False,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Make a store from a backup, once all its checksums were found right."""
    from xctgraph.store import health
    from xctgraph.store.health import object_store

    progress = Progress(quiet=json_)
    try:
        if is_remote(source):
            copied = object_store.restore(source, store, overwrite=overwrite, progress=progress)
        else:
            copied = health.restore(Path(source), store, overwrite=overwrite, progress=progress)
    finally:
        progress.close()
    if json_:
        write_json({"store": str(store), "backup": str(source), **asdict(copied)})
        return
    typer.echo(
        f"store {store} is at revision {copied.revision}, from {source}: {copied.n_copied} files copied, all checksums right"
    )


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)", text.strip())
    if match is None:
        raise InputError(f"--grace {text!r} is no time: give a number with s, min, h or d, as in 90s, 30min, 2h, 1d")
    return float(match[1]) * _SECONDS[match[2]]
