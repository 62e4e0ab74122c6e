"""One scan into a revision: corrections, what is around each feature, and its place in the series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from xctgraph.ingest import corrections, fronts, history, neighbourhood, rows
from xctgraph.ingest.space import Space
from xctgraph.store import Transaction
from xctgraph.store.errors import InputError
from xctgraph.store.labels import Labels


@dataclass(frozen=True)
class Committed:
    """Counts and doubts of one scan; `n_links` counts the NEXT edges to the scan before and the scan after.

    `unregistered` says of which neighbours in time no displacement was found, so that there are no links to them.
    """

    n_features: int
    n_near: int
    n_links: int
    changed_tracks: int
    warnings: tuple[str, ...]
    unregistered: tuple[str, ...]

    def refuse_unregistered(self, asked: Literal["refuse", "unlinked"]) -> None:
        """Refuse a scan that cannot be registered, unless it is asked to keep it without links.

        Raises
        ------
        InputError
            If it cannot be registered to a neighbour in time.
        """
        if self.unregistered and asked == "refuse":
            raise InputError(
                f"{'; '.join(self.unregistered)}. The scan was not stored; to keep it without links, set "
                'unregistered = "unlinked" in [correspondence]'
            )


def stage(
    tx: Transaction,
    origin: rows.Origin,
    scan_row: pa.Table,
    found: pa.Table,
    labels: Labels | None,
    space: Space,
    max_drift: float | None,
    around: neighbourhood.Neighbourhood | None = None,
    linked_already: history.LinkedAlready | None = None,
) -> Committed:
    """Stage all rows of a scan, as found and then corrected, and what follows for its neighbours in time.

    Parameters
    ----------
    scan_row
        Row of `scans`.
    found
        Rows of `features` as they were found, dropped ones and kinds before corrections included.
    labels
        Voxels of all of them; None where they have none.
    max_drift
        Largest drift looked for in um; None for half the volume.
    around
        What is around the features as they were found, if it is known already.
    linked_already
        See `history.place`.
    """
    before = corrections.read(tx, origin.sample)
    kept, dropped, said = corrections.apply(before, found, origin)
    if around is None or dropped.num_rows or not kept["kind"].equals(found["kind"]):
        around = neighbourhood.find(kept, labels, space)
    base = origin.scan_id
    kept = rows.with_column(kept, "local_density", around.density)
    kept = rows.with_column(kept, "cluster_id", pc.add(around.cluster, base))
    kept = fronts.stage(tx, origin, scan_row, kept, labels, space)
    tx.put("near", rows.edges(around.near, base, base), sample=origin.sample, t=origin.t)
    tx.put("touches", rows.edges(around.touches, base, base), sample=origin.sample, t=origin.t)
    if dropped.num_rows:
        for name in ("cluster_id", "track_id"):
            dropped = rows.with_column(dropped, name, dropped["feature_id"].combine_chunks())
        tx.put("dropped_features", dropped, sample=origin.sample, t=origin.t)
    else:
        tx.drop("dropped_features", sample=origin.sample, t=origin.t)
    placed = history.place(tx, origin, scan_row, kept, labels, space, max_drift, said, linked_already)
    corrections.write(tx, origin.sample, placed.corrections)
    lost = corrections.lost(before, placed.corrections, origin.t)
    counts = kept.num_rows, around.near.num_rows, placed.n_links, placed.changed_tracks
    return Committed(*counts, placed.warnings + lost, placed.unregistered)
