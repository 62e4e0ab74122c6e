"""`export`: snapshots for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xctgraph.cli.common import DEFAULT_STORE, Json, StorePath, open_store
from xctgraph.cli.output import write_json
from xctgraph.store.errors import InputError

app = typer.Typer(no_args_is_help=True, help="Write graph snapshots for other programs.")


def _span(text: str | None) -> range | None:
    if text is None:
        return None
    first, colon, stop = text.partition(":")
    try:
        start = int(first) if first else 0
        end = (int(stop) if stop else 2**31 - 1) if colon else start + 1
    except ValueError:
        raise InputError(f"--t {text!r} is neither a scan index (3) nor a range a:b with b excluded (2:5, 2:, :5)") from None
    return range(start, end)


@app.command()
def labels(
    out: Annotated[Path, typer.Argument(help="File to write: .h5, .tif or .zarr.", show_default=False)],
    t: Annotated[int, typer.Option("--t", help="Scan index.", show_default=False)],
    sample: Annotated[str | None, typer.Option("--sample", help="Sample.", show_default="the only one")] = None,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Write the label volume of one scan: voxels of the feature SAMPLE/T/LABEL hold LABEL, background is 0."""
    from xctgraph.analysis.label_volume import write_labels

    with open_store(store) as opened:
        held = opened.manifest().samples()
        if sample is None and len(held) != 1:
            raise InputError(f"the store holds the samples {', '.join(held) or 'none'}: name one with --sample")
        n = write_labels(opened, out, sample or held[0], t)
    if json_:
        write_json({"file": str(out), "n_features": n})
    else:
        typer.echo(f"{n} features in {out}")


@app.command()
def pyg(
    out: Annotated[Path, typer.Argument(help="Folder to write to.", show_default=False)],
    t: Annotated[str | None, typer.Option("--t", help="Scan index, or range a:b with b excluded.", show_default=False)] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Only features of this kind; may be given several times.", show_default=False),
    ] = None,
    sample: Annotated[
        list[str] | None, typer.Option("--sample", help="Only this sample; may be given several times.", show_default=False)
    ] = None,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Write one PyTorch Geometric HeteroData per scan as OUT/scans/SAMPLE_tNNNNN.pt."""
    from xctgraph.analysis import snapshots

    with open_store(store) as opened:
        files = snapshots.write_pyg(opened, out, samples=sample, t=_span(t), kinds=kind)
    if json_:
        write_json({"files": [str(file) for file in files]})
    else:
        typer.echo(f"{len(files)} snapshots in {out / 'scans'}")
