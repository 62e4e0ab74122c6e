"""`analyze`: studies of a sample; each stores its result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xctgraph.cli.common import DEFAULT_STORE, Json, StorePath, open_store
from xctgraph.cli.limited import limited
from xctgraph.cli.output import Progress, write_json
from xctgraph.store.errors import InputError

if TYPE_CHECKING:
    import plotly.graph_objects as go

app = typer.Typer(no_args_is_help=True, help="Studies of a sample, with null models; each stores its result in `studies`.")

Sample = Annotated[str | None, typer.Option("--sample", help="Sample.", show_default="the only one")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of all random draws.", min=0)]
Figure = Annotated[
    Path | None, typer.Option("--figure", help="File for the figure: .html, or .json for plotly.", show_default=False)
]


@app.command()
@limited
def characterise(
    out: Annotated[Path, typer.Option("--out", help="Folder for tables and figures.")] = Path("characterisation"),
    block_um: Annotated[
        float | None,
        typer.Option(
            "--block-um",
            help="Edge of the blocks of intervals and profiles, um; larger than clusters.",
            show_default="about 216 blocks",
        ),
    ] = None,
    draws: Annotated[int, typer.Option("--draws", help="Draws of bootstraps and permutations.", min=99)] = 999,
    seed: Seed = 0,
    sample: Sample = None,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Count and measure every kind in every scan: sizes, shapes, directions, evenness, change, displacement."""
    from xctgraph.analysis import characterise as study

    progress = Progress(quiet=json_)
    with open_store(store) as opened:
        found = study.characterise(opened, sample=sample, block_um=block_um, seed=seed, n_draws=draws, progress=progress)
        progress("writing tables and figures")
        written = study.write(found, out)
        study_id = study.keep(opened, found)
    progress.close()
    if json_:
        write_json({"study_id": study_id, "files": [str(path) for path in written], **found.to_dict()})
        return
    typer.echo(found.text)
    for note in found.notes:
        typer.echo(f"Note: {note}")
    typer.echo(f"{len(written)} files in {out}")
    typer.echo(f"study {study_id}")


@app.command()
@limited
def growth(
    radius_um: Annotated[float, typer.Option("--radius-um", help="Radius of the half-ball ahead of a front, um.")] = 25.0,
    threshold_um: Annotated[
        float | None,
        typer.Option(
            "--threshold-um", help="Least advance of a site that has advanced, um.", show_default="that of the stored fronts"
        ),
    ] = None,
    share: Annotated[
        float,
        typer.Option("--share", help="Share of a front that moved everywhere that a site must leave behind to have advanced."),
    ] = 0.5,
    shifts: Annotated[int, typer.Option("--shifts", help="Shifts along the front.", min=99)] = 1999,
    draws: Annotated[int, typer.Option("--draws", help="Draws of the other null models.", min=19)] = 199,
    seed: Seed = 0,
    sample: Sample = None,
    figure: Figure = None,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Test whether fractures extend toward regions of higher defect density."""
    from xctgraph.analysis import growth as study
    from xctgraph.analysis.growth import from_store

    _check(figure)
    with open_store(store) as opened:
        found = study.toward_density(
            opened,
            sample=sample,
            radius_um=radius_um,
            threshold_um=threshold_um,
            share=share,
            seed=seed,
            n_shifts=shifts,
            n_draws=draws,
        )
        study_id = from_store.keep(opened, found)
    _write(found.figure, figure)
    if json_:
        write_json({"study_id": study_id, **found.to_dict()})
        return
    typer.echo(found.text)
    for line in found.lines():
        typer.echo(line)
    typer.echo(f"study {study_id}")


@app.command()
@limited
def density(
    t: Annotated[
        list[int] | None, typer.Option("--t", help="Scan; may be given several times.", show_default="first and last")
    ] = None,
    max_um: Annotated[float, typer.Option("--max-um", help="Largest distance, um.")] = 100.0,
    steps: Annotated[int, typer.Option("--steps", help="Number of distances.", min=1)] = 50,
    simulations: Annotated[int, typer.Option("--simulations", help="Simulations for the envelopes.", min=19)] = 99,
    seed: Seed = 0,
    sample: Sample = None,
    figure: Figure = None,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Ripley's K and L, pair correlation, nearest neighbours, cross-K between kinds and Moran's I, in the sample mask."""
    from xctgraph.analysis.density import from_store
    from xctgraph.store import limits

    _check(figure)
    progress = Progress(quiet=json_)
    with open_store(store) as opened:
        found = from_store.spatial_statistics(
            opened, sample=sample, scans=t, max_um=max_um, steps=steps, seed=seed, n_simulations=simulations,
            workers=limits.workers(), progress=progress,
        )  # fmt: skip
        study_id = from_store.keep(opened, found)
    progress.close()
    _write(found.figure, figure)
    if json_:
        write_json({"study_id": study_id, **found.to_dict()})
        return
    typer.echo(found.text)
    typer.echo(f"study {study_id}")


@app.command()
@limited
def correspondence(
    t: Annotated[
        int | None, typer.Option("--t", help="Earlier scan of the pair whose field is drawn.", show_default="the last pair")
    ] = None,
    sample: Sample = None,
    figure: Figure = None,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Residuals of each pair of scans, features without a link by size, strain of the sample over time; names doubtful pairs."""
    from xctgraph.analysis.correspondence import from_store

    _check(figure)
    with open_store(store) as opened:
        found = from_store.correspondence(opened, sample=sample, t=t)
        study_id = from_store.keep(opened, found)
    _write(found.figure, figure)
    if json_:
        write_json({"study_id": study_id, **found.to_dict()})
        return
    typer.echo(found.text)
    for line in found.lines():
        typer.echo(line)
    typer.echo(f"study {study_id}")


@app.command()
@limited
def forecast(
    target: Annotated[
        list[str] | None,
        typer.Option("--target", help="swallowed (defects) or advanced (front sites).", show_default="both"),
    ] = None,
    sample: Annotated[
        list[str] | None, typer.Option("--sample", help="Sample; may be given several times.", show_default="all")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="Test on later scans (time), other blocks (block) or other samples (sample).",
            show_default="what there is",
        ),
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", help="Repeats of split and training.", min=1)] = 5,
    reach_um: Annotated[
        float | None,
        typer.Option("--reach-um", help="Distance of the farthest defect asked about, um.", show_default="three front radii"),
    ] = None,
    share: Annotated[
        float,
        typer.Option("--share", help="Share of a front that moved everywhere that a site must leave behind to have advanced."),
    ] = 0.5,
    block_um: Annotated[
        float | None, typer.Option("--block-um", help="Edge of the blocks of the intervals, um.", show_default="four front radii")
    ] = None,
    networks: Annotated[bool, typer.Option("--networks/--no-networks", help="Train the graph networks.")] = True,
    ablations: Annotated[bool, typer.Option("--ablations/--no-ablations", help="Train networks that see less.")] = True,
    draws: Annotated[int, typer.Option("--draws", help="Bootstrap samples.", min=99)] = 999,
    shuffle: Annotated[
        bool, typer.Option("--shuffle", help="Probe: deal the outcomes out anew; nothing may be found.", show_default=False)
    ] = False,
    seed: Seed = 0,
    figure: Figure = None,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Forecast what the fracture swallows and where its front advances by the next scan, with and without the graph."""
    from xctgraph.analysis.forecast import from_store

    _check(figure)
    progress = Progress(quiet=json_)
    try:
        with open_store(store) as opened:
            found = from_store.forecast(
                opened, samples=sample, targets=target or from_store.TARGETS, split=split, repeats=repeats, seed=seed,  # type: ignore[arg-type]
                reach_um=reach_um, share=share, block_um=block_um, networks=networks, ablations=ablations, n_draws=draws,
                shuffle=shuffle, progress=progress,
            )  # fmt: skip
            study_id = from_store.keep(opened, found)
    finally:
        progress.close()
    _write(found.figure, figure)
    if json_:
        write_json({"study_id": study_id, **found.to_dict()})
        return
    typer.echo(found.text)
    for line in found.lines():
        typer.echo(line)
    typer.echo(f"study {study_id}")


def _check(figure: Path | None) -> None:
    if figure is not None and figure.suffix not in (".html", ".json"):
        raise InputError(f"--figure {figure} ends in neither .html nor .json: name the file so")


def _write(drawn: go.Figure, figure: Path | None) -> None:
    if figure is not None:
        text: Any = drawn.to_html(include_plotlyjs=True) if figure.suffix == ".html" else drawn.to_json()
        figure.write_text(text, encoding="utf-8")
