"""`export`: snapshots for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from xctgraph.cli.ask import Params, literal
from xctgraph.cli.common import DEFAULT_STORE, GraphUri, Json, StorePath, open_store, pairs
from xctgraph.cli.limited import limited
from xctgraph.cli.output import write_json
from xctgraph.store.errors import InputError

app = typer.Typer(no_args_is_help=True, help="Write graph snapshots for other programs.")

Folder = Annotated[Path, typer.Argument(help="Folder to write to.", show_default=False)]
Span = Annotated[str | None, typer.Option("--t", help="Scan index, or range a:b with b excluded.", show_default="all scans")]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind", help="Only features of this kind; may be given several times. front_site and region too.", show_default=False
    ),
]
Samples = Annotated[
    list[str] | None, typer.Option("--sample", help="Only this sample; may be given several times.", show_default=False)
]
Where = Annotated[
    str | None,
    typer.Option("--where", help='SQL condition on features, e.g. "equivalent_diameter > 10".', show_default=False),
]
Radius = Annotated[
    float | None, typer.Option("--radius", help="Largest gap of a NEAR edge, µm.", show_default="as the store has them")
]


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
@limited
def labels(
    out: Annotated[Path, typer.Argument(help="File to write: .h5, .tif or .zarr.", show_default=False)],
    t: Annotated[int, typer.Option("--t", help="Scan index.", show_default=False)],
    sample: Annotated[str | None, typer.Option("--sample", help="Sample.", show_default="the only one")] = None,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Write the label volume of one scan: voxels of the feature SAMPLE/T/LABEL hold LABEL, background is 0."""
    from xctgraph.analysis.label_volume import write_labels
    from xctgraph.analysis.sample import only_sample

    with open_store(store) as opened:
        n = write_labels(opened, out, only_sample(opened, sample), t)
    if json_:
        write_json({"file": str(out), "n_features": n})
    else:
        typer.echo(f"{n} features in {out}")


@app.command()
@limited
def pyg(
    out: Folder,
    t: Span = None,
    kind: Kinds = None,
    sample: Samples = None,
    where: Where = None,
    radius: Radius = None,
    feature: Annotated[
        list[str] | None,
        typer.Option("--feature", help="Only this column in x of the features; may be given several times.", show_default=False),
    ] = None,
    targets: Annotated[bool, typer.Option("--targets", help="Add y: what becomes of the nodes until the next scan.")] = False,
    arrow: Annotated[bool, typer.Option(help="Write the same as Arrow tables, OUT/arrow.")] = True,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Write one PyTorch Geometric HeteroData per scan as OUT/scans/SAMPLE_tNNNNN.pt."""
    from xctgraph.analysis import snapshots

    with open_store(store) as opened:
        files = snapshots.write_pyg(
            opened,
            out,
            samples=sample,
            t=_span(t),
            kinds=kind,
            where=where,
            radius=radius,
            features=feature,
            targets=targets,
            arrow=arrow,
        )
    _tell(files, f"{len(files)} snapshots in {out / 'scans'}", json_=json_)


@app.command()
@limited
def geff(
    out: Folder,
    t: Span = None,
    kind: Kinds = None,
    sample: Samples = None,
    where: Where = None,
    radius: Radius = None,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Write the links as OUT/tracks.geff and NEAR as OUT/proximity.geff, of one sample."""
    from xctgraph.analysis.snapshots import select
    from xctgraph.analysis.snapshots.geff import write_geff

    with open_store(store) as opened:
        chosen = select(opened, samples=sample, t=_span(t), kinds=kind, where=where, radius=radius)
        files = write_geff(chosen, out)
    _tell(files, f"{' and '.join(file.name for file in files)} in {out}", json_=json_)


@app.command()
@limited
def graphml(
    out: Annotated[Path, typer.Argument(help="File to write.", show_default=False)],
    t: Span = None,
    kind: Kinds = None,
    sample: Samples = None,
    where: Where = None,
    radius: Radius = None,
    cypher: Annotated[
        str | None,
        typer.Option(
            "--cypher",
            help="In place of scans: read-only Cypher whose rows are edges, as in "
            "MATCH … RETURN a.uid AS source, b.uid AS target, e.gap AS gap",
            show_default=False,
        ),
    ] = None,
    param: Params = None,
    store: StorePath = DEFAULT_STORE,
    graph: GraphUri = None,
    json_: Json = False,
) -> None:
    """Write nodes and edges of the scans, or the features and pairs that a Cypher query returns, as one GraphML file."""
    from xctgraph.analysis.snapshots import select, subgraph
    from xctgraph.analysis.snapshots.networks import write_graphml

    choice = {"--t": t, "--kind": kind, "--sample": sample, "--where": where, "--radius": radius}
    given = [name for name, value in choice.items() if value is not None]
    if cypher is not None and given:
        raise InputError(f"{', '.join(given)} given beside --cypher: let the query choose")
    if cypher is None and (param or graph):
        raise InputError("--param and --graph go with --cypher: scans are read from the parts of the store")
    if out.is_dir():
        raise InputError(f"{out} is a folder: name a file, as in {out / 'graph.graphml'}")
    with open_store(store, graph=graph) as opened:
        if cypher is None:
            chosen = select(opened, samples=sample, t=_span(t), kinds=kind, where=where, radius=radius)
            nodes, edges = write_graphml(lambda: subgraph.scans(chosen), out)
        else:
            values = {name: literal(value) for name, value in pairs(param).items()}
            held = subgraph.of_pairs(opened, opened.cypher(cypher, **values))
            nodes, edges = write_graphml(lambda: iter([held]), out)
    if json_:
        write_json({"file": str(out), "n_nodes": nodes, "n_edges": edges})
    else:
        typer.echo(f"{nodes} nodes and {edges} edges in {out}")


@app.command()
@limited
def parquet(
    out: Folder,
    t: Span = None,
    kind: Kinds = None,
    sample: Samples = None,
    where: Where = None,
    radius: Radius = None,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Write OUT/TABLE.parquet for every table of nodes and edges, and OUT/tracks.csv."""
    from xctgraph.analysis.snapshots import select
    from xctgraph.analysis.snapshots.parquet import write_parquet

    with open_store(store) as opened:
        chosen = select(opened, samples=sample, t=_span(t), kinds=kind, where=where, radius=radius)
        files = write_parquet(chosen, out)
    _tell(files, f"{len(files)} tables in {out}", json_=json_)


@app.command()
@limited
def vtk(
    out: Folder,
    t: Span = None,
    kind: Kinds = None,
    sample: Samples = None,
    where: Where = None,
    radius: Radius = None,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Write points, NEAR and meshes of fractures for ParaView: open OUT/features.pvd, OUT/near.pvd, OUT/fractures.pvd."""
    from xctgraph.analysis.snapshots import select
    from xctgraph.analysis.snapshots.vtk import write_vtk

    with open_store(store) as opened:
        chosen = select(opened, samples=sample, t=_span(t), kinds=kind, where=where, radius=radius)
        files = write_vtk(opened, chosen, out)
    _tell(files, f"{', '.join(file.name for file in files if file.suffix == '.pvd')} in {out}", json_=json_)


@app.command()
@limited
def napari(
    out: Folder,
    t: Span = None,
    kind: Kinds = None,
    sample: Samples = None,
    where: Where = None,
    volumes: Annotated[bool, typer.Option("--labels/--no-labels", help="Write the label volumes too.")] = True,
    store: StorePath = DEFAULT_STORE,
    json_: Json = False,
) -> None:
    """Write labels, points and tracks that xctgraph.analysis.snapshots.napari.load(OUT) opens as layers of napari."""
    from xctgraph.analysis.snapshots import select
    from xctgraph.analysis.snapshots.napari import write_napari

    with open_store(store) as opened:
        chosen = select(opened, samples=sample, t=_span(t), kinds=kind, where=where)
        files = write_napari(opened, chosen, out, labels=volumes)
    _tell(files, f"{', '.join(file.name for file in files)} in {out}", json_=json_)


def _tell(files: Sequence[Path], text: str, *, json_: bool) -> None:
    if json_:
        write_json({"files": [str(file) for file in files]})
    else:
        typer.echo(text)
