"""Spatial statistics of the scans of a store; the answer, as a study."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pyarrow.compute as pc

from xctgraph.analysis import study
from xctgraph.analysis.density import specimen
from xctgraph.analysis.density.moran import Moran, moran
from xctgraph.analysis.density.result import QUESTION, Density, Pattern
from xctgraph.analysis.density.ripley import distances
from xctgraph.analysis.density.statistics import cross_ripley, ripley
from xctgraph.analysis.density.window import Floats
from xctgraph.analysis.sample import only_sample
from xctgraph.store import Store
from xctgraph.store.errors import InputError
from xctgraph.store.progress import Progress, silent

FEWEST = 10
ALL = "all defects"


def spatial_statistics(
    store: Store,
    *,
    sample: str | None = None,
    scans: Sequence[int] | None = None,
    max_um: float = 100.0,
    steps: int = 50,
    seed: int = 0,
    n_simulations: int = 99,
    workers: int = 2,
    progress: Progress = silent,
) -> Density:
    """Ripley's K and L, pair correlation and G of the defects of each scan, cross-K between kinds, Moran's I of the regions.

    Defects are all features but fractures, as points at their centroids; the window is the sample mask, or the box of the scan.

    Parameters
    ----------
    store
    sample
        The only one where left out.
    scans
        Scan indices; the first and the last where left out.
    max_um, steps
        Largest distance, micrometres, and number of distances.
    seed, n_simulations
        Simulations for the envelopes.
    workers
        Threads.
    progress
        Called as work goes on.

    Raises
    ------
    InputError
        If sample or scan are not in the store, or a number is not positive.
    """
    chosen = only_sample(store, sample)
    edges = distances(max_um, steps)
    held = sorted(store.read("scans", sample=chosen, columns=["t"])["t"].to_pylist())
    wanted = sorted({held[0], held[-1]} if scans is None else set(scans))
    patterns, regions = [], {}
    for t in wanted:
        window = specimen.window(store, chosen, t)
        features = store.read("features", sample=chosen, t=t, columns=["kind", "z", "y", "x"])
        features = features.filter(pc.not_equal(features["kind"], "fracture"))
        points = np.stack([features[axis].to_numpy() for axis in "zyx"], axis=1)
        inside = window.contains(points)
        kind = np.array(features["kind"].to_pylist(), dtype=object)[inside]
        points = points[inside]
        kinds = [name for name in sorted(set(kind)) if (kind == name).sum() >= FEWEST]
        groups: dict[str, Floats] = {ALL: points} if len(points) >= FEWEST else {}
        groups |= {name: points[kind == name] for name in kinds if len(kinds) > 1}
        for name, group in groups.items():
            progress(f"scan {t}: {name}", 0, 0)
            found = ripley(group, window, edges, seed=seed, n_simulations=n_simulations, workers=workers)
            patterns.append(Pattern(t, name, len(group), window.volume, found))
        for a, b in combinations(kinds, 2):
            progress(f"scan {t}: {a} and {b}", 0, 0)
            one, two = points[kind == a], points[kind == b]
            found = cross_ripley(one, two, window, edges, seed=seed, n_simulations=n_simulations, workers=workers)
            patterns.append(Pattern(t, f"{a} and {b}", len(one) + len(two), window.volume, found))
        correlated = _regions(store, chosen, t, seed)
        if correlated is not None:
            regions[t] = correlated
    if not patterns:
        raise InputError(f"no scan of sample {chosen!r} has {FEWEST} defects or more: nothing to compare")
    return Density(chosen, seed, n_simulations, max_um, tuple(patterns), regions)


def keep(store: Store, found: Density) -> str:
    """Add the result to the table `studies`; its `study_id`."""
    primary = found.primary
    return study.record(
        store,
        command="analyze density",
        question=QUESTION,
        sample=found.sample,
        parameters={"max_um": found.max_um, "n_simulations": found.n_simulations, "t": primary.t, "kind": primary.kind},
        effect=primary.effect,
        p=primary.p,
        seed=found.seed,
    )


def _regions(store: Store, sample: str, t: int, seed: int) -> Moran | None:
    """Moran's I of the volume fraction of defects of the regions of a scan; None where there are none to compare."""
    regions = store.read("regions", sample=sample, t=t)
    regions = regions.filter(pc.greater(regions["material_volume"], 0.0))
    pairs = store.read("adjacent", sample=sample, t=t, columns=["source", "target"])
    ids = regions["region_id"].to_numpy()
    value = regions["inclusion_fraction"].to_numpy() + regions["pore_fraction"].to_numpy()
    source, target = pairs["source"].to_numpy(), pairs["target"].to_numpy()
    known = np.isin(source, ids) & np.isin(target, ids)
    if len(ids) < 3 or not known.any() or np.ptp(value) == 0:
        return None
    order = np.argsort(ids)
    place = [order[np.searchsorted(ids, ends[known], sorter=order)] for ends in (source, target)]
    return moran(value, place[0], place[1], seed=seed)
