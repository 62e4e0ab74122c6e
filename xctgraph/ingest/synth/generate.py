"""The generator itself: volumes, `dataset.toml` and truth into one folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from xctgraph.ingest import labelling
from xctgraph.ingest.synth import render, truth
from xctgraph.ingest.synth.scene import Scene, build
from xctgraph.ingest.synth.spec import SynthSpec, make
from xctgraph.ingest.synth.survey import CONNECTIVITY, Components, Painted, slabs
from xctgraph.ingest.synth.writer import open_mask_writer, open_writer, write_dataset
from xctgraph.store.errors import InputError
from xctgraph.store.labels import Labels

Progress = Callable[[str, int, int], object]


@dataclass(frozen=True)
class SynthResult:
    """What was made: paths of the dataset file and of the truth folder, and how many components each scan shows."""

    dataset: Path
    truth: Path
    spec: SynthSpec
    components: tuple[int, ...]


def generate(
    out: str | Path,
    spec: SynthSpec | None = None,
    *,
    slab: int | None = None,
    progress: Progress | None = None,
    **parameters: object,
) -> SynthResult:
    """Make a 4D sample whose truth is known.

    Fractures grow from notches into a material with clustered inclusions and pores, which is strained, shifted and distorted
    from scan to scan; defects appear, vanish, split, merge and are swallowed. Written are one volume per scan, `dataset.toml`
    for `xctgraph ingest` and `truth/*.parquet` (see `Truth`).

    Parameters
    ----------
    out
        Folder to write to; must be new or empty.
    spec
        Parameters; the defaults of `SynthSpec` if not given.
    slab
        Slices held at once. The result does not depend on it.
    progress
        Called with a message, slices done and slices in all.
    **parameters
        Fields of `SynthSpec` that differ from `spec`.

    Raises
    ------
    InputError
        If a parameter is unknown or out of range, the features do not fit, or the folder holds something.

    Notes
    -----
    Ellipsoids move with their centres and keep shape and orientation. Grey values are a Gaussian blur of three levels with
    Gaussian noise; rings, cupping, drift of the contrast, air and a jump of the displacement come on request.
    """
    spec = make(spec or SynthSpec(), parameters)
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there and not an empty folder: name a new folder for the sample")
    scene = build(spec)
    folder = out / "truth"
    folder.mkdir(parents=True)
    tables: dict[str, list[pa.Table]] = {name: [] for name in truth.SCHEMAS}
    before: Components | None = None
    counts = []
    for t in range(spec.steps):
        scan, painted, found, runs = _scan(out, scene, t, slab or render.slab_height(spec), progress)
        tables["features"].append(truth.features(scene, scan, painted, found))
        tables["components"].append(truth.components(scene, scan, found))
        tables["labels"].append(truth.labels(t, runs))
        if before is not None:
            edges = truth.links(t - 1, before, found)
            tables["links"].append(edges)
            tables["events"].append(truth.events(scene, t, before, found, edges))
            tables["displacement"].append(truth.displacement(scene, t - 1))
        tables["rings"].append(truth.rings(scene, t))
        tables["artefacts"].append(truth.artefacts(scene, t))
        for number in range(len(scene.fractures)):
            tables["front"].append(truth.front(scene, number, t))
            tables["surface"].append(truth.surface(scene, scan, number))
        counts.append(len(found.n_voxels))
        before = found
    truth.write(folder, tables)
    (folder / "spec.json").write_text(json.dumps(asdict(spec), indent=1) + "\n", encoding="utf-8")
    dataset = out / "dataset.toml"
    write_dataset(dataset, spec)
    return SynthResult(dataset, folder, spec, tuple(counts))


def _scan(
    out: Path, scene: Scene, t: int, height: int, progress: Progress | None
) -> tuple[render.Scan, Painted, Components, Labels]:
    """Write one scan and label its noise-free phases on the way."""
    spec = scene.spec
    depth = spec.shape[0]
    scan = render.prepare(scene, t)
    painted = Painted(len(scan.phase))
    with open_writer(out, spec, t) as writer, open_mask_writer(out, spec, t) as masks:

        def phases() -> Iterator[labelling.Slab]:
            for z0, z1 in slabs(depth, height):
                if progress is not None:
                    progress(f"scan {t} of {spec.steps}", t * depth + z0, spec.steps * depth)
                ids = render.paint(spec, scan, z0, z1)
                writer.write(render.grey(spec, scan, ids, z0), z0)
                if masks is not None:
                    masks.write(render.sample_mask(spec, scan, z1 - z0), z0)
                yield labelling.Slab(z0, classes=painted.add(ids, scan, z0))

        labelled = labelling.label(phases(), spec.shape, connectivity=CONNECTIVITY, min_voxels=1)
    found = Components.gather(scene, scan, painted, labelled.labels, labelled.class_code)
    return scan, painted, found, labelled.labels
