"""The links of a store's sample; the answer, as a study."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xctgraph.analysis import study
from xctgraph.analysis.correspondence.distortion import Distortion, distortion
from xctgraph.analysis.correspondence.pair import LEAST_CONFIDENCE, Links, Pair, Side, examine
from xctgraph.analysis.correspondence.result import QUESTION, Correspondence
from xctgraph.analysis.sample import only_sample
from xctgraph.ingest.correspondence.field import Field
from xctgraph.ingest.correspondence.link import LEAST_LINKED, MOST_ERROR
from xctgraph.ingest.volumes import region
from xctgraph.store import Store
from xctgraph.store.errors import InputError
from xctgraph.store.manifest import Manifest

_COLUMNS = ("feature_id", "kind", "volume", "border_touching", "z", "y", "x", "ref_z", "ref_y", "ref_x")


def correspondence(store: Store, *, sample: str | None = None, t: int | None = None) -> Correspondence:
    """Examine the links of all pairs of scans of a sample, and how the sample deformed.

    Parameters
    ----------
    store
    sample
        The only one where left out.
    t
        Earlier scan of the pair whose displacement field is drawn; the last pair with a field where left out.

    Raises
    ------
    InputError
        If the sample is not in the store or has one scan only, or if no displacement is stored from scan `t` on.
    """
    chosen = only_sample(store, sample)
    revision = store.manifest()
    scans = store.read("scans", sample=chosen, revision=revision).sort_by("t").to_pylist()
    if len(scans) < 2:
        raise InputError(f"sample {chosen!r} has {len(scans)} scan: links need two")
    (held,) = store.read("samples", sample=chosen, revision=revision).to_pylist()
    spacing = np.array([held[f"voxel_{axis}"] for axis in "zyx"])
    pairs, distortions, fields = list[Pair](), list[Distortion](), dict[int, tuple[Pair, Field]]()
    before, first = None, None
    for scan in scans:
        features = store.read("features", sample=chosen, t=scan["t"], columns=_COLUMNS, revision=revision)
        now = features["feature_id"].to_numpy(), _side(scan, features, spacing)
        first = first or now[1]
        if before is not None:
            distortions += [] if (found := _distortion(now[1], features, first)) is None else [found]
            pairs.append(_pair(store, chosen, revision, before, now, fields))
        before = now
    if t is not None and t not in fields:
        raise InputError(
            f"no displacement is stored from scan {t} to the next one: there is one from {', '.join(map(str, fields)) or 'none'}"
        )
    shown = fields[t] if t is not None else fields[max(fields)] if fields else None
    return Correspondence(chosen, tuple(pairs), tuple(distortions), shown)


def keep(store: Store, found: Correspondence) -> str:
    """Add the result to the table `studies`; its `study_id`."""
    return study.record(
        store,
        command="analyze correspondence",
        question=QUESTION,
        sample=found.sample,
        parameters={
            "most_error": MOST_ERROR, "least_linked": LEAST_LINKED, "least_confidence": LEAST_CONFIDENCE,
            "scans": [found.pairs[0].t, *(pair.t + pair.dt for pair in found.pairs)],
            "doubtful": [pair.t for pair in found.pairs if pair.doubts],
        },
        effect=None if found.worst is None else found.worst.error,
    )  # fmt: skip


_Scan = tuple[NDArray[np.int64], Side]


def _pair(
    store: Store, sample: str, revision: Manifest, before: _Scan, now: _Scan, fields: dict[int, tuple[Pair, Field]]
) -> Pair:
    (id_a, a), (id_b, b) = before, now
    links = store.read("next", sample=sample, t=a.t, revision=revision)
    links = links.filter(pc.equal(links["dt"], b.t - a.t))
    stored = store.read("fields", sample=sample, t=a.t, revision=revision)
    field = Field.from_table(stored) if stored.num_rows else None
    found = examine(a, b, Links(
        _rows(id_a, links["source"]), _rows(id_b, links["target"]),
        links["confidence"].to_numpy().astype(np.float64), pc.equal(links["event"], "continue").to_numpy(),
    ), field)  # fmt: skip
    if field is not None:
        fields[a.t] = found, field
    return found


def _side(scan: dict[str, Any], features: pa.Table, spacing: NDArray[np.float64]) -> Side:
    low, high = np.array(region.stored(scan)).T
    return Side(
        t=scan["t"],
        position=np.stack([features[axis].to_numpy() for axis in "zyx"], axis=1),
        volume=features["volume"].to_numpy(),
        fracture=pc.equal(features["kind"], "fracture").to_numpy(),
        border=features["border_touching"].to_numpy(),
        low=low * spacing,
        high=(high - 1) * spacing,
        voxel=float(spacing.prod()),
    )


def _distortion(side: Side, features: pa.Table, first: Side) -> Distortion | None:
    """From features that the border leaves whole and that the first scan shows: beyond it the fields are continued, not known."""
    reference = np.stack([features[f"ref_{axis}"].to_numpy() for axis in "zyx"], axis=1)
    good = first.holds(reference, np.zeros(len(reference))) & ~side.fracture & ~side.border
    return distortion(side.t, reference[good], side.position[good])


def _rows(ids: NDArray[np.int64], wanted: pa.ChunkedArray) -> NDArray[np.int64]:
    order = np.argsort(ids)
    return np.asarray(order[np.searchsorted(ids, wanted.to_numpy(), sorter=order)], np.int64)
