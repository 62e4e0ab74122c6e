"""One scan and the one before it as a graph of defects and front sites; nothing in it was known later than the scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from xctgraph.analysis.forecast.columns import DISTANCE, EDGES, FEATURES, SITE, defect_columns
from xctgraph.analysis.snapshots import stacked
from xctgraph.analysis.snapshots.pyg import require_pyg
from xctgraph.analysis.snapshots.selection import Selection

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FRACTURE, SITES = "fracture", "front_site"
REFERENCE = ("ref_z", "ref_y", "ref_x")


def pair(selection: Selection, *, kinds: tuple[str, ...], near_gap: float, front_radius: float) -> HeteroData:
    """The graph of one or two scans of a sample.

    Parameters
    ----------
    selection
        Of the scan t, or of t - 1 and t.
    kinds
        Kinds of the store that are not fractures.
    near_gap, front_radius
        Distances up to which NEAR and FACES were looked for, micrometres: what `gap` and `nearest_gap` are set to
        where there is none.

    Returns
    -------
    HeteroData
        Nodes "defect" and "front_site" with `x` (n, columns) float32 as `x_names` says, `t` (n,) int64, `key` (n,) int64
        (feature_id, site_id), `pos` (n, 3) float64 z, y, x in µm of the first scan's frame, of the scan's own where it is not
        registered; defects with `track_id`. Targets, of nodes of the last scan only: `swallowed` (n,), `advance_um` (n,) float32,
        NaN where unknown.
        Edges ("defect", "NEAR", "defect") and TOUCHES in both directions, ("front_site", "FACES", "defect") and
        ("defect", "rev_FACES", "front_site"), ("defect", "NEXT", "defect") from t - 1 to t, with `edge_attr` as
        `columns.EDGES` says.
    """
    torch, geometric = require_pyg()
    stack = stacked.stack(selection, features=[*FEATURES, *REFERENCE], targets=True)
    last = selection.scans[-1]
    present = [kind for kind in kinds if kind in stack.node_types]
    data: HeteroData = geometric.HeteroData()
    data.sample, data.t = last.sample, last.t
    sites = _sites(stack, last.t, front_radius)
    fields = _defects(stack, present, kinds, sites, near_gap)
    for name, values in (("defect", fields), (SITES, sites)):
        for key, array in values.items():
            data[name][key] = torch.from_numpy(array)
    for relation in EDGES:
        for edge_type, (index, attr) in _edges(stack, present, relation, sites).items():
            data[edge_type].edge_index, data[edge_type].edge_attr = torch.from_numpy(index), torch.from_numpy(attr)
    data.x_names = {"defect": list(defect_columns(kinds)), SITES: list(SITE)}
    data.edge_attr_names = {relation: list(names) for relation, names in EDGES.items()}
    return data


def _sites(stack: HeteroData, last: int, front_radius: float) -> dict[str, NDArray[Any]]:
    if SITES not in stack.node_types:
        empty = np.empty(0, np.int64)
        none: dict[str, NDArray[Any]] = {
            "x": np.empty((0, len(SITE)), np.float32),
            "t": empty,
            "key": empty,
            "advance_um": np.empty(0, np.float32),
        }
        return none | {name: np.empty((0, 3)) for name in ("pos", "here", "direction")}
    node = stack[SITES]
    column = dict(zip(stack.x_names[SITES], node.x.numpy().T, strict=True))
    x = np.stack([column[name] for name in SITE], axis=1)
    gap = SITE.index("nearest_gap")
    x[:, gap] = np.where(np.isnan(x[:, gap]), front_radius, x[:, gap])
    advance = node.y.numpy()[:, stack.y_names[SITES].index("advance_um")].copy()
    advance[node.t.numpy() < last] = np.nan
    return {
        "x": x,
        "t": node.t.numpy(),
        "key": node.site_id.numpy(),
        "advance_um": advance,
        "pos": _reference(column, node.pos.numpy()),
        "here": node.pos.numpy().astype(np.float64),
        "direction": np.stack([column[f"direction_{axis}"] for axis in "zyx"], axis=1).astype(np.float64),
    }


def _defects(
    stack: HeteroData, present: Sequence[str], kinds: tuple[str, ...], sites: Mapping[str, NDArray[Any]], near_gap: float
) -> dict[str, NDArray[Any]]:
    parts = []
    for kind in present:
        node = stack[kind]
        column = dict(zip(stack.x_names[kind], node.x.numpy().T, strict=True))
        own = np.stack([column[name] for name in FEATURES], axis=1)
        here, t = node.pos.numpy().astype(np.float64), node.t.numpy()
        near, of_site = nearest_site(here, t, sites)
        gap = _fracture_gap(stack, kind, near_gap)
        named = np.tile(np.array([kind == other for other in kinds], np.float32), (len(own), 1))
        swallowed = node.y.numpy()[:, stack.y_names[kind].index("swallowed")].copy()
        swallowed[t < stack.scan_t.max().item()] = np.nan
        parts.append(
            {
                "x": np.concatenate([own, near, gap[:, None], of_site, named], axis=1).astype(np.float32),
                "t": t,
                "key": node.feature_id.numpy(),
                "track_id": node.track_id.numpy(),
                "pos": _reference(column, node.pos.numpy()),
                "swallowed": swallowed,
            }
        )
    if not parts:
        empty = np.empty(0, np.int64)
        parts = [{"x": np.empty((0, len(defect_columns(kinds))), np.float32), "t": empty, "key": empty, "track_id": empty,
                  "pos": np.empty((0, 3)), "swallowed": np.empty(0, np.float32)}]  # fmt: skip
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def nearest_site(here: Floats, t: Ints, sites: Mapping[str, NDArray[Any]]) -> tuple[Floats, Floats]:
    """Where points lie as seen from the nearest site of the same scan.

    Returns
    -------
    distance : (n, 2)
        Along the outward direction of the site (negative behind the front) and across it, µm; NaN without a front.
    columns : (n, len(SITE))
        Of that site; NaN without a front.
    """
    distance = np.full((len(here), len(DISTANCE) - 1), np.nan)
    found = np.full((len(here), len(SITE)), np.nan)
    for scan in np.unique(t):
        rows, held = np.flatnonzero(t == scan), np.flatnonzero(sites["t"] == scan)
        if len(held):
            _, place = cKDTree(sites["here"][held]).query(here[rows])
            site = held[place]
            offset = here[rows] - sites["here"][site]
            ahead = (offset * sites["direction"][site]).sum(axis=1)
            across = np.sqrt(np.maximum((offset**2).sum(axis=1) - ahead**2, 0))
            distance[rows] = np.stack([ahead, across], axis=1)
            found[rows] = sites["x"][site]
    return distance, found


def _fracture_gap(stack: HeteroData, kind: str, near_gap: float) -> Floats:
    gap = np.full(stack[kind].num_nodes, near_gap)
    for relation in ("NEAR", "TOUCHES"):
        edge_type = (FRACTURE, relation, kind)
        if edge_type in stack.edge_types:
            edge = stack[edge_type]
            values = edge.edge_attr[:, 0].numpy() if relation == "NEAR" else np.zeros(edge.edge_index.shape[1])
            np.minimum.at(gap, edge.edge_index[1].numpy(), values)
    return gap


def _edges(
    stack: HeteroData, present: Sequence[str], relation: str, sites: Mapping[str, NDArray[Any]]
) -> dict[tuple[str, str, str], tuple[Ints, NDArray[np.float32]]]:
    start = dict(zip(present, np.cumsum([0, *(stack[kind].num_nodes for kind in present)]).tolist(), strict=False))
    ends = [(SITES, kind) for kind in present] if relation == "FACES" else [(a, b) for a in present for b in present]
    index, attr = [np.empty((2, 0), np.int64)], [np.empty((0, len(EDGES[relation])), np.float32)]
    for a, b in ends:
        if (a, relation, b) not in stack.edge_types:
            continue
        edge = stack[a, relation, b]
        column = dict(zip(stack.edge_attr_names[relation], edge.edge_attr.numpy().T, strict=True))
        source, target = edge.edge_index.numpy()
        if relation == "FACES":
            direction = np.stack([column[f"direction_{axis}"] for axis in "zyx"], axis=1)
            column["along"] = (direction * sites["direction"][source]).sum(axis=1).astype(np.float32)
        index.append(np.stack([source + start.get(a, 0), target + start[b]]))
        attr.append(np.stack([column[name] for name in EDGES[relation]], axis=1))
    whole, properties = np.concatenate(index, axis=1), np.concatenate(attr)
    if relation == "FACES":
        return {(SITES, "FACES", "defect"): (whole, properties), ("defect", "rev_FACES", SITES): (whole[::-1].copy(), properties)}
    return {("defect", relation, "defect"): (whole, properties)}


def _reference(column: Mapping[str, NDArray[Any]], pos: NDArray[Any]) -> Floats:
    placed = np.stack([column[name] for name in REFERENCE], axis=1).astype(np.float64)
    return np.where(np.isnan(placed), pos, placed)
