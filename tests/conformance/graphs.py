"""Random graphs for the conformance suite: more events and fractures than usual, gaps in time, other kinds, mirrored ids."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from tests import factories
from tests.conformance import fronts
from tests.factories import Graph
from xctgraph.store.ids import feature_id, scan_id

_EVENTS = ("continue", "split", "merge", "swallowed")


def rich(
    rng: np.random.Generator,
    sample: str,
    sample_no: int,
    *,
    n_scans: int = 4,
    n_features: int = 30,
    kinds: tuple[str, ...] = ("inclusion", "pore", "fracture"),
    shares: tuple[float, ...] = (0.45, 0.3, 0.25),
) -> Graph:
    """A sample with many fractures, and many-to-many links of every event, some of them over two scans."""
    made = factories.graph(rng, sample=sample, sample_no=sample_no, n_scans=n_scans, n_features=n_features, kinds=kinds)
    features = made["features"]
    features["kind"] = rng.choice(kinds, len(features), p=shares)
    kind = features.set_index("feature_id").kind
    near = made["near"]
    close = near[(kind.loc[near.source].to_numpy() != kind.loc[near.target].to_numpy()) & (near.gap < 15)]
    made.frames["touches"] = close[["source", "target", "sample", "t"]].assign(contact_area=rng.uniform(1, 50, len(close)))
    links = pd.concat([made["next"], _any_links(rng, features)], ignore_index=True)
    links = pd.concat([links, _crack_links(rng, features, near, made["touches"])], ignore_index=True)
    links["confidence"] = factories.with_nulls(rng, rng.uniform(0, 1, len(links)), 0.2)
    made.frames["next"] = links.drop_duplicates(["source", "target"])
    without_shape = rng.random(len(features)) < 0.1
    features.loc[without_shape, [c for c in features if c.startswith(("axis_", "major_", "minor_", "feret_"))]] = None
    n_scans = len(made["scans"])
    made["scans"]["reliable_diameter"] = factories.with_nulls(rng, rng.uniform(4, 12, n_scans), 0.3)
    first = features.sort_values("t").groupby("track_id").kind.first()
    made["tracks"]["kind"] = first.loc[made["tracks"].track_id].to_numpy()
    fronts.add(rng, made)
    return made


def without_features(rng: np.random.Generator, sample: str, sample_no: int) -> Graph:
    """A sample whose scans hold nothing."""
    made = factories.graph(rng, sample=sample, sample_no=sample_no, n_scans=2, n_features=3)
    return replace(made, frames={k: v if k in ("samples", "scans") else v.iloc[:0] for k, v in made.frames.items()})


def renumbered(made: Graph, scans: list[int], *, mirror: bool = False) -> Graph:
    """The same sample with other scan numbers and, mirrored, with the order of the labels of each scan turned round."""
    new_t = dict(zip(made.scans, scans, strict=True))
    old = made["features"]
    label = old.groupby("t").label.transform("max") + 1 - old.label if mirror else old.label
    t = old.t.map(new_t)
    ids = [feature_id(made.sample_no, int(a), int(b)) for a, b in zip(t, label, strict=True)]
    new_id = dict(zip(old.feature_id, ids, strict=True))
    new_scan = {scan_id(made.sample_no, a): scan_id(made.sample_no, b) for a, b in new_t.items()}
    features = old.assign(
        feature_id=ids,
        t=t,
        label=label,
        uid=[f"{made.sample}/{a}/{b}" for a, b in zip(t, label, strict=True)],
        scan_id=old.scan_id.map(new_scan),
        track_id=old.track_id.map(new_id),
        region_id=pd.Series(fronts.moved_regions(made, new_t), dtype=object),
    )
    features["cluster_id"] = features.groupby(old.cluster_id).feature_id.transform("min")
    tracks = made["tracks"].assign(
        track_id=made["tracks"].track_id.map(new_id),
        t_first=made["tracks"].t_first.map(new_t),
        t_last=made["tracks"].t_last.map(new_t),
    )
    tracks["lineage_id"] = tracks.groupby(made["tracks"].lineage_id).track_id.transform("min")
    links = made["next"].assign(source=made["next"].source.map(new_id), target=made["next"].target.map(new_id))
    ends = dict(zip(features.feature_id, features.t, strict=True))
    links["t"] = links.source.map(ends)
    links["dt"] = links.target.map(ends) - links.t
    scan_ids = [scan_id(made.sample_no, s) for s in scans]
    frames = made.frames | {
        "scans": made["scans"].assign(scan_id=scan_ids, t=scans, previous_scan_id=[None, *scan_ids[:-1]]),
        "features": features.sort_values("feature_id"),
        "tracks": tracks,
        "near": _undirected(made["near"], new_id, new_t),
        "touches": _undirected(made["touches"], new_id, new_t),
        "next": links,
        **fronts.renumbered(made, new_t, new_id),
    }
    return Graph(made.sample, made.sample_no, list(scans), frames)


def _undirected(edges: pd.DataFrame, new_id: dict[int, int], new_t: dict[int, int]) -> pd.DataFrame:
    a, b = edges.source.map(new_id), edges.target.map(new_id)
    return edges.assign(source=np.minimum(a, b), target=np.maximum(a, b), t=edges.t.map(new_t))


def _any_links(rng: np.random.Generator, features: pd.DataFrame) -> pd.DataFrame:
    rows = []
    scans = sorted(features.t.unique())
    for step in (1, 2):
        for t, later in zip(scans, scans[step:], strict=False):
            a = features[features.t == t].feature_id.to_numpy()
            b = features[features.t == later].feature_id.to_numpy()
            n = len(a) // (2 * step)
            rows += [(*pair, t, step, event) for *pair, event in zip(*(rng.choice(x, n) for x in (a, b, _EVENTS)), strict=True)]
    return _links(rng, features, rows)


def _crack_links(rng: np.random.Generator, features: pd.DataFrame, near: pd.DataFrame, touches: pd.DataFrame) -> pd.DataFrame:
    """Fractures that become fractures, and neighbours of theirs that these swallow or touch."""
    kind = features.set_index("feature_id").kind
    beside: dict[int, list[int]] = {}
    for edges in (near, touches):
        for a, b in zip(edges.source, edges.target, strict=True):
            beside.setdefault(a, []).append(b)
            beside.setdefault(b, []).append(a)
    rows = []
    fractures = features[features.kind == "fracture"]
    for t in sorted(features.t.unique())[:-1]:
        later = fractures[fractures.t == t + 1].feature_id.to_numpy()
        for fracture in fractures[fractures.t == t].feature_id if len(later) else ():
            successor = int(rng.choice(later))
            rows.append((fracture, successor, t, 1, "continue"))
            for defect in beside.get(fracture, ()):
                end = rng.choice([successor, *beside.get(successor, ())])
                if kind[defect] != "fracture" and rng.random() < 0.5:
                    rows.append((defect, end, t, 1, "swallowed" if end == successor else "continue"))
    return _links(rng, features, rows)


def _links(rng: np.random.Generator, features: pd.DataFrame, rows: list[tuple[object, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["source", "target", "t", "dt", "event"])
    frame = frame.assign(
        sample=features["sample"].iloc[0],
        overlap=rng.integers(0, 300, len(frame)),
        iou=rng.uniform(0, 1, len(frame)),
        cost=rng.uniform(0, 5, len(frame)),
    )
    return frame.astype({"source": "int64", "target": "int64", "t": "int64"})
