"""`ingest` and `info`: volumes into a store, and what a store holds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xctgraph.cli.common import DEFAULT_STORE, GraphUri, Json, Measured, Scheduler, StorePath, open_store
from xctgraph.cli.output import Format, Progress, write_json, write_table
from xctgraph.cli.result import write_result
from xctgraph.cli.watch import run_watch
from xctgraph.store.errors import InputError, StoreNotFound

if TYPE_CHECKING:
    from xctgraph.ingest.pipeline import ScanResult

# Measured on two cores with 150,000 features in 3.2 GB: 100 to 200 MB/s from grey values to the projections.
PLANNED_RATE = 100e6


def ingest(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[tables] DATASET.toml | VOLUME...",
            help="A dataset file, or volumes in the order of time; `tables DATASET.toml` reads tables of other programs.",
        ),
    ] = None,
    sample: Annotated[
        str | None, typer.Option("--sample", help="Name of the sample (for VOLUME...).", show_default=False)
    ] = None,
    voxel_size: Annotated[
        str | None,
        typer.Option(
            "--voxel-size",
            help="Edge of a voxel: 1.63um, or z,y,x; in um where no unit is given (for VOLUME...).",
            show_default=False,
        ),
    ] = None,
    segmentation: Annotated[
        str | None,
        typer.Option(
            "--segmentation",
            help="otsu, threshold:V (brighter than V), mask, labels or model:FILE (for VOLUME...).",
            show_default="otsu",
        ),
    ] = None,
    axes: Annotated[
        str | None, typer.Option("--axes", help="Order of the axes in the files (for VOLUME...).", show_default="zyx")
    ] = None,
    roi: Annotated[
        str | None,
        typer.Option("--roi", help="Region of interest in voxels, z0:z1,y0:y1,x0:x1 (for VOLUME...).", show_default="everything"),
    ] = None,
    first_t: Annotated[
        int | None, typer.Option("--first-t", help="Index of the first volume (for VOLUME...).", min=0, show_default="0")
    ] = None,
    insist_on_voxel_size: Annotated[
        bool,
        typer.Option("--insist-on-voxel-size", help="Use --voxel-size even where a file states another one (for VOLUME...)."),
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Make scans anew that are there with other parameters.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Bring the projections up to date after each scan.")] = False,
    watch: Annotated[
        Path | None,
        typer.Option(
            "--watch", metavar="FOLDER", help="Ingest each scan that is finished in FOLDER, as they come.", show_default=False
        ),
    ] = None,
    pattern: Annotated[
        str | None, typer.Option("--pattern", help="Names of the scans below the watched folder.", show_default="*")
    ] = None,
    settle: Annotated[
        float | None,
        typer.Option("--settle", help="Seconds without a change after which a scan is finished.", min=0, show_default="10"),
    ] = None,
    until: Annotated[
        int | None, typer.Option("--until", help="End the watch at so many scans of the sample.", min=1, show_default=False)
    ] = None,
    idle: Annotated[
        float | None, typer.Option("--idle", help="End the watch after so many seconds without news.", min=0, show_default=False)
    ] = None,
    scheduler: Scheduler = None,
    measured: Measured = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and print the plan; do nothing.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of DATASET.toml.")] = False,
    store: StorePath = DEFAULT_STORE,
    graph: GraphUri = None,
    json_: Json = False,
) -> None:
    """Bring volumes into a store.

    Segments, labels and measures each scan, links it to the others, and loads the graph.
    """
    from xctgraph.ingest import config, pipeline, plan, tables
    from xctgraph.ingest.resources import Resources
    from xctgraph.store import discard_empty

    inputs = inputs or []
    of_tables = inputs[:1] == ["tables"] and (len(inputs) == 1 or inputs[1].endswith(".toml"))
    if schema:
        write_json((tables.TableDataset if of_tables else config.Dataset).model_json_schema())
        return
    rules = {"pattern": pattern, "settle_s": settle, "until": until, "idle": idle}
    allowed = Resources(scheduler=scheduler, measured=measured)
    if watch is not None:
        if dry_run:
            raise InputError("--dry-run looks at volumes that are there; --watch waits for them: give one of the two")
        watched = _dataset(inputs, sample, voxel_size, segmentation, axes, roi, first_t, insist_on_voxel_size, watched=True)
        run_watch(watched, watch, rules, store=store, graph=graph, replace=replace, resources=allowed, json_=json_)
        return
    given = [name for name, value in rules.items() if value is not None]
    if given:
        raise InputError(f"--{given[0].removesuffix('_s')} belongs to --watch FOLDER, which was not given")
    if of_tables and len(inputs) == 1:
        raise InputError("nothing to ingest: give the dataset file of the tables, as in xctgraph ingest tables DATASET.toml")
    make: Callable[..., list[Any]] = tables.plan_tables if of_tables else partial(plan.make, resources=allowed)
    run: Callable[..., list[ScanResult]] = tables.ingest if of_tables else partial(pipeline.ingest, resources=allowed)
    named = inputs[1:] if of_tables else inputs
    dataset = _dataset(named, sample, voxel_size, segmentation, axes, roi, first_t, insist_on_voxel_size, of_tables=of_tables)
    existed = _is_store(store)
    if dry_run or not existed:
        # Wrong input must not leave an empty store behind.
        with open_store(store) if existed else nullcontext() as held:
            plans = make(held, dataset, replace=replace)
        if dry_run:
            (_print_tables if of_tables else _print_plan)(plans, dataset.sample.voxel_size_um, json_=json_)
            return
    try:
        with open_store(store, create=True, graph=graph) as opened:
            progress = Progress(quiet=json_)
            try:
                results = run(opened, dataset, replace=replace, live=live, progress=progress)
            finally:
                progress.close()
            revision = opened.manifest().revision
    except InputError:
        if not existed:
            discard_empty(store)
        raise
    if json_:
        write_json({"store": str(store), "revision": revision, "scans": [vars(result) for result in results]})
        return
    for result in results:
        write_result(result)
    where = "" if store == DEFAULT_STORE else f" --store {store}"
    typer.echo(f"store {store} is at revision {revision}. Ask: xctgraph query counts-and-volume-fraction{where}")


def info(store: StorePath = DEFAULT_STORE, json_: Json = False) -> None:
    """Show what a store holds."""
    with open_store(store) as opened:
        manifest = opened.manifest()
        scans = opened.sql(
            "SELECT s.sample, s.t, s.time_s, s.load_n, s.strain, s.n_z, s.n_y, s.n_x, count(f.feature_id) AS features, s.path "
            "FROM scans s LEFT JOIN features f USING (scan_id) GROUP BY ALL ORDER BY s.sample, s.t"
        )
    if json_:
        write_json({"store": str(store), "revision": manifest.revision, "scans": scans.to_pylist()})
        return
    typer.echo(f"store {store}, revision {manifest.revision}, {len(manifest.parts)} parts")
    write_table(scans, Format.table, None)


def _is_store(path: Path) -> bool:
    try:
        with open_store(path):
            return True
    except StoreNotFound:
        return False


def _dataset(
    inputs: list[str],
    sample: str | None,
    voxel_size: str | None,
    segmentation: str | None,
    axes: str | None,
    roi: str | None,
    first_t: int | None,
    insist: bool,
    *,
    watched: bool = False,
    of_tables: bool = False,
) -> Any:
    from xctgraph.ingest import config, tables
    from xctgraph.store import units

    if not inputs and not watched:
        raise InputError("nothing to ingest: give DATASET.toml, or volumes with --sample and --voxel-size")
    if any(text.endswith(".toml") for text in inputs):
        if len(inputs) > 1:
            raise InputError(f"{len(inputs)} inputs given with a .toml among them: give one DATASET.toml, or only volumes")
        given = {
            "--sample": sample,
            "--voxel-size": voxel_size,
            "--segmentation": segmentation,
            "--axes": axes,
            "--roi": roi,
            "--first-t": first_t,
            "--insist-on-voxel-size": insist or None,
        }
        if any(value is not None for value in given.values()):
            named = ", ".join(name for name, value in given.items() if value is not None)
            raise InputError(f"{named} given beside {inputs[0]}: these belong into the file ([sample], [segmentation], [[scan]])")
        return tables.load(Path(inputs[0])) if of_tables else config.load(Path(inputs[0]), watched=watched)
    if inputs and watched:
        raise InputError(f"{inputs[0]} given beside --watch: the scans come from the watched folder; give only a DATASET.toml")
    if sample is None or voxel_size is None:
        missing = " and ".join(name for name, value in (("--sample", sample), ("--voxel-size", voxel_size)) if value is None)
        raise InputError(f"{missing} missing: volumes need both, as in --sample S1 --voxel-size 1.63um (there is no default)")
    segmentation = segmentation or "otsu"
    method, _, value = segmentation.partition(":")
    spec: dict[str, Any] = {"method": method}
    if method == "threshold":
        try:
            spec["bright"] = float(value)
        except ValueError:
            raise InputError(f"--segmentation {segmentation!r}: threshold needs a number, as in threshold:155") from None
    elif method == "model" and value:
        spec["model"] = value
    elif value or method not in ("otsu", "mask", "labels"):
        raise InputError(f"--segmentation {segmentation!r} is not known. Valid: otsu, threshold:V, mask, labels, model:FILE")
    return config.parse(
        {
            "sample": {
                "id": sample,
                "voxel_size_um": list(units.voxel_size_um(voxel_size)),
                "insist_on_voxel_size": insist,
                "axes": axes or "zyx",
                "roi": roi,
            },
            "segmentation": spec,
            "watch": {"first_t": first_t},
            "scan": [{"t": (first_t or 0) + index, "path": path} for index, path in enumerate(inputs)],
        },
        origin="command line",
        watched=watched,
    )


def _print_plan(plans: list[Any], voxel_size_um: tuple[float, float, float], *, json_: bool) -> None:
    rows = [
        {
            "t": p.scan.t,
            "action": p.action,
            "path": p.scan.path,
            "shape": p.shape,
            "voxel_size_um": voxel_size_um,
            "dtype": p.dtype,
            "gigabytes": round(p.n_bytes / 1e9, 3),
            "memory_megabytes": round(p.memory / 1e6),
            "seconds": 0 if p.action == "skip" else round(3 + p.n_bytes / PLANNED_RATE),
            "warnings": p.warnings,
        }
        for p in plans
    ]
    if json_:
        write_json(rows)
        return
    typer.echo("voxel size " + " x ".join(f"{size:.12g}" for size in voxel_size_um) + " um (z, y, x)")
    for row in rows:
        for warning in row["warnings"]:
            typer.echo(f"Warning: {warning}", err=True)
        typer.echo(
            f"t = {row['t']}: {row['action']} {row['path']}  {row['shape']} {row['dtype']}, {row['gigabytes']} GB; "
            f"about {row['memory_megabytes']} MB of memory and {row['seconds']} s at {PLANNED_RATE / 1e6:.0f} MB/s"
        )


def _print_tables(plans: list[Any], voxel_size_um: tuple[float, float, float], *, json_: bool) -> None:
    rows = [
        {
            "t": p.t,
            "action": p.action,
            "paths": p.paths,
            "features": p.found.num_rows,
            "voxel_size_um": voxel_size_um,
            "warnings": p.warnings,
        }
        for p in plans
    ]
    if json_:
        write_json(rows)
        return
    typer.echo("voxel size " + " x ".join(f"{size:.12g}" for size in voxel_size_um) + " um (z, y, x)")
    for row in rows:
        for warning in row["warnings"]:
            typer.echo(f"Warning: {warning}", err=True)
        typer.echo(f"t = {row['t']}: {row['action']} {row['features']} features of {', '.join(row['paths'])}")
