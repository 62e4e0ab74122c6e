"""`pseudolabel`: weak masks with confidence, of the slices of a labelling job or of whole scans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xctgraph.cli.common import Json
from xctgraph.cli.output import Progress, write_json
from xctgraph.store.errors import InputError

if TYPE_CHECKING:
    from xctgraph.ingest.pseudo.work import Report


def pseudolabel(
    what: Annotated[
        Path,
        typer.Argument(
            metavar="JOB | DATASET.toml",
            help="A labelling job of `xctgraph sample`, or a dataset file whose scans to label.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write to.", show_default="JOB/pseudo; needed for a dataset")
    ] = None,
    annotated: Annotated[
        Path | None,
        typer.Option(
            "--annotated",
            help="Seek parameters on these: for a job a folder of masks, for a dataset a labelling job with masks.",
            show_default="the masks of the job",
        ),
    ] = None,
    parameters: Annotated[
        Path | None,
        typer.Option("--parameters", help="pseudo.json of an earlier run: nothing is sought.", show_default=False),
    ] = None,
    json_: Json = False,
) -> None:
    """Label slices by classical image analysis: something to start training from."""
    from xctgraph.analysis import overlays
    from xctgraph.ingest.pseudo.labelled_dataset import label_dataset
    from xctgraph.ingest.pseudo.labelled_job import PSEUDO, label_job
    from xctgraph.ingest.pseudo.parameters import load

    of_job = what.suffix != ".toml"
    if of_job and out is not None:
        raise InputError(f"--out {out}: the labels of a job go to {what / PSEUDO}; leave --out away")
    if not of_job and out is None:
        raise InputError(f"labels of {what} need a folder: give --out DIR")
    if parameters is not None and annotated is not None:
        raise InputError("--parameters gives what --annotated would seek: give one of them")
    given = None if parameters is None else load(parameters)
    progress = Progress(quiet=json_)
    try:
        if out is None:
            out = what / PSEUDO
            report = label_job(what, given, annotated=annotated, progress=progress)
        else:
            report = label_dataset(what, out, given, annotated=annotated, progress=progress)
        page = overlays.write(report, out)
    finally:
        progress.close()
    if json_:
        write_json({"out": str(out), "overlays": str(page), **report.as_json()})
        return
    _tell(report)
    typer.echo(f"{report.slices:,} slices labelled: {out}; look at {page}")
    if not of_job:
        typer.echo(f"next: xctgraph ingest {out / 'dataset.toml'}")


def _tell(report: Report) -> None:
    from xctgraph.ingest.pseudo.work import scores_of

    for note in report.notes:
        typer.echo(note)
    if report.sought is None:
        typer.echo("no annotated slices: parameters as given, or defaults")
    else:
        typer.echo(f"parameters sought on {report.sought.slices} annotated slices, {report.sought.folds}-fold cross-validation:")
        for kind, one in scores_of(report.sought).items():
            if one.objects:
                typer.echo(f"  {kind}: pixel F1 {one.pixel_f1:.3f}, object F1 {one.object_f1:.3f} ({one.objects} objects)")
    for kind, pixels in report.pixels.items():
        sure = f", mean confidence {report.confidence[kind]:.3f}" if pixels else ""
        typer.echo(f"{kind}: {pixels:,} pixels{sure}")
