"""The labelling itself: slabs in, runs and moments of every component out; no label volume at any time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.labelling.border import BorderContact
from xctgraph.ingest.labelling.components import ByValue, Connected, Known
from xctgraph.ingest.labelling.grey import Grey, GreySums, RunGrey, grey_of_runs
from xctgraph.ingest.labelling.moments import Moments, MomentSums
from xctgraph.ingest.labelling.ordered import ordered_map
from xctgraph.ingest.labelling.quantiles import GreyQuantiles
from xctgraph.ingest.labelling.runs import Runs, extract
from xctgraph.ingest.labelling.slab import Shape, Slab, checked
from xctgraph.store.errors import InputError
from xctgraph.store.labels import Labels

CONNECTIVITIES = (6, 18, 26)
# Measured at the peak: a run, a component while slabs come in, a feature while it is measured.
RUN_BYTES, COMPONENT_BYTES, FEATURE_BYTES = 48, 200, 1200


@dataclass(frozen=True, eq=False)
class Labelled:
    """Components of a volume; arrays are (n,) or (n, k), row l - 1 for label l.

    `class_code` is the class of a component, 0 where instances were given; `source_label` the instance, None where classes
    were given; `grey` is None without grey values.
    """

    labels: Labels
    connectivity: int
    class_code: NDArray[np.uint8]
    source_label: NDArray[np.int64] | None
    moments: Moments
    grey: Grey | None
    border_touching: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """Number of components."""
        return len(self.class_code)

    def placed(self, origin: Shape, shape: Shape) -> Labelled:
        """The same components where the labelled volume is the part at voxel `origin` of a volume of `shape`, both (z, y, x)."""
        if not any(origin) and shape == self.labels.shape:
            return self
        offset = np.asarray(origin, np.int32)
        z, y, x = offset
        runs = self.labels
        labels = Labels(shape, runs.z + z, runs.y + y, runs.x_start + x, runs.x_stop + x, runs.label)
        box = self.moments.box + np.concatenate([offset, offset])
        return replace(self, labels=labels, moments=self.moments._replace(origin=self.moments.origin + offset, box=box))


class Extracted(NamedTuple):
    """What of a slab is kept: its runs with their grey values, and the spans (m, 4) of its sample mask."""

    z0: int
    runs: Runs
    grey: RunGrey | None
    material: NDArray[np.int32] | None
    by_value: bool
    known: Labels | None


def label(
    slabs: Iterable[Slab],
    shape: Shape,
    *,
    connectivity: int = 26,
    min_voxels: int = 1,
    workers: int = 1,
    memory: int | None = None,
) -> Labelled:
    """Find and measure the connected components of a volume that is given slab by slab.

    Voxels of one class that are neighbours belong together; classes never join. Where slabs hold instances, voxels of equal
    value belong together, wherever they are; known features stay what they are. Labels are the ranks of the components' first
    voxels in C order among all classes, from 1, after dropping components of fewer than `min_voxels` voxels. The result
    doesn't depend on the height of the slabs nor on the number of workers, to the last bit.

    Parameters
    ----------
    slabs
        Consecutive slabs that together are the whole volume.
    shape
        Shape (z, y, x) of the volume.
    connectivity
        Neighbours of a voxel: 6 (faces), 18 (faces and edges) or 26 (faces, edges and corners).
    min_voxels
        Voxels of the smallest component that is kept.
    workers
        Threads that look for runs in slabs; `workers` + 1 slabs are held at once.
    memory
        Bytes that runs and features may take, beside the slabs; None for no limit.

    Raises
    ------
    InputError
        If connectivity, min_voxels or workers is not valid, the slabs are not the volume, or, as soon as it is known, runs and
        features need more than `memory`.
    """
    if workers < 1:
        raise InputError(f"workers = {workers} is not valid: at least 1 thread is needed")
    extracted = ordered_map(extracted_of, checked(slabs, shape), workers)
    return fold(extracted, shape, connectivity=connectivity, min_voxels=min_voxels, workers=workers, memory=memory)


def fold(
    extracted: Iterable[Extracted],
    shape: Shape,
    *,
    connectivity: int = 26,
    min_voxels: int = 1,
    workers: int = 1,
    memory: int | None = None,
) -> Labelled:
    """Components from what was extracted of consecutive slabs, wherever that was done; see `label`."""
    if connectivity not in CONNECTIVITIES:
        raise InputError(f"connectivity {connectivity} is not valid: choose 6, 18 or 26 neighbours")
    if min_voxels < 1:
        raise InputError(f"min_voxels = {min_voxels} is not valid: the smallest feature has 1 voxel")
    if len(shape) != 3 or min(shape) < 1:
        raise InputError(f"a volume of shape {tuple(shape)} cannot be labelled: three positive sizes (z, y, x) are needed")
    components: Connected | ByValue | Known | None = None
    grey: GreySums | None = None
    quantiles: GreyQuantiles | None = None
    moments, border = MomentSums(), BorderContact(shape)
    chunks: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
    by_value = False
    n_runs = 0
    for z0, runs, run_grey, material, by_value, known in extracted:
        if components is None:
            components = Known(known) if known is not None else ByValue() if by_value else Connected(shape[1], connectivity)
            if run_grey is not None:
                grey, quantiles = GreySums(run_grey.exact), GreyQuantiles(run_grey.dtype, min_voxels, workers)
        component = components.add(runs)
        moments.add(runs, component, components.n)
        border.add(runs, component, components.n, z0, material)
        chunks.append((runs.spans, component))
        n_runs += len(component)
        needed = n_runs * RUN_BYTES + components.n * COMPONENT_BYTES
        what = f"up to slice {z0 + len(runs.rows) // shape[1]} of {shape[0]} it has {n_runs:,} runs"
        if grey is not None and quantiles is not None and run_grey is not None:
            grey.add(run_grey, component, components.n)
            quantiles.add(run_grey, component, components, components.n)
            held = quantiles.n_bytes
            needed += held
            what += f", and {held / 1e9:.2f} GB of grey values for quantiles"
        _check_memory(memory, needed, what)
    assert components is not None  # noqa: S101  # a shape has at least one slice
    roots = components.roots()
    found = moments.folded(roots)
    kept = found.n_voxels >= min_voxels
    n_kept = int(np.count_nonzero(kept))
    _check_memory(memory, n_runs * RUN_BYTES + n_kept * FEATURE_BYTES, f"it has {n_kept:,} features")
    rank = np.zeros(len(roots), np.int32)
    rank[roots == np.arange(len(roots))] = np.where(kept, np.cumsum(kept), 0)
    values = None
    if grey is not None and quantiles is not None:
        values = grey.folded(roots, quantiles.folded(components, roots)).take(kept)
    found = found.take(kept)
    final = rank[roots]
    return Labelled(
        labels=_joined(chunks, final, sum(int(np.count_nonzero(final[c])) for _, c in chunks), shape),
        connectivity=connectivity,
        class_code=np.zeros(len(found.code), np.uint8) if by_value else found.code.astype(np.uint8),
        source_label=found.code if by_value else None,
        moments=found,
        grey=values,
        border_touching=border.folded(roots)[kept],
    )


def extracted_of(slab: Slab) -> Extracted:
    """Runs of a slab and what is known of them; a pure function, so that slabs can be worked on in parallel."""
    runs = extract(slab)
    grey = grey_of_runs(slab.grey, runs) if slab.grey is not None else None
    material = None if slab.material is None else extract(Slab(slab.z0, classes=slab.material.view(np.uint8))).spans
    by_value = slab.instances is not None or slab.known is not None
    return Extracted(slab.z0, runs, grey, material, by_value, slab.known)


def _check_memory(memory: int | None, needed: int, what: str) -> None:
    if memory is not None and needed > memory:
        raise InputError(
            f"the segmented volume does not fit into memory: {what}, which take {needed / 1e9:.2f} GB, but {memory / 1e9:.2f} GB "
            "are left. If these are noise, segment with a stricter threshold; otherwise allow more with --memory"
        )


def _joined(chunks: list[tuple[NDArray[np.int32], NDArray[np.int32]]], final: NDArray[np.int32], n: int, shape: Shape) -> Labels:
    """Put the `n` runs of kept components together with their final labels, freeing each chunk once it is copied."""
    columns = [np.empty(n, np.int32) for _ in range(5)]
    start = 0
    chunks.reverse()
    while chunks:
        spans, component = chunks.pop()
        labels = final[component]
        kept = np.flatnonzero(labels)
        part = slice(start, start + len(kept))
        for k in range(4):
            columns[k][part] = spans[kept, k]
        columns[4][part] = labels[kept]
        start += len(kept)
    z, y, x_start, x_stop, label = columns
    return Labels(shape, z, y, x_start, x_stop, label)
