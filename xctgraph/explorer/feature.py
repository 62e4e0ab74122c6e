"""All that is known of one feature: attributes, the job that made it, its track, neighbours, predecessors, voxels."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from xctgraph.explorer import binary
from xctgraph.explorer.problems import NotThere
from xctgraph.ingest.volumes.crop import crop
from xctgraph.store import Store, ids
from xctgraph.store.schema import FEATURES

MOST_NEIGHBOURS = 300
MARGIN = 6
MOST_VOXELS = 96
"""Voxels of a crop along each axis; a larger feature is cut around its centroid."""

_ROW = "SELECT * FROM features WHERE sample = $sample AND t = $t AND label = $label"
_JOB = "SELECT * FROM jobs WHERE job_id = $job"
_TRACK = """MATCH (:Feature {feature_id: $id})-[:OF]->(k:Track)
MATCH (k)<-[:OF]-(g:Feature)
RETURN g.t AS t, g.uid AS uid, g.kind AS kind, g.volume AS volume, g.equivalent_diameter AS equivalent_diameter,
       g.sphericity AS sphericity, g.local_density AS local_density, g.z AS z, g.y AS y, g.x AS x
ORDER BY t"""
_NEAR = """MATCH (f:Feature {feature_id: $id})-[r:NEAR]-(d:Feature)
OPTIONAL MATCH (f)-[c:TOUCHES]-(d)
RETURN d.uid AS uid, d.kind AS kind, r.gap AS gap, r.distance AS distance, c.contact_area AS contact_area,
       d.equivalent_diameter AS equivalent_diameter, d.z AS z, d.y AS y, d.x AS x, d.feature_id AS feature_id
ORDER BY gap, feature_id LIMIT $most"""
_N_NEAR = "MATCH (:Feature {feature_id: $id})-[r:NEAR]-(:Feature) RETURN count(r) AS n"
_LATER = """MATCH (:Feature {feature_id: $id})-[r:NEXT]->(d:Feature)
RETURN d.uid AS uid, d.t AS t, d.kind AS kind, r.event AS event, r.iou AS iou, r.confidence AS confidence,
       d.volume AS volume, d.z AS z, d.y AS y, d.x AS x
ORDER BY uid"""
_EARLIER = _LATER.replace("-[r:NEXT]->", "<-[r:NEXT]-")


def feature(store: Store, uid: str) -> dict[str, object]:
    """Attributes with units, job, track, neighbours by gap, links to other scans, and the Cypher that finds it.

    Raises
    ------
    InputError
        If `uid` is not of the form sample/t/label.
    NotThere
        If there is no such feature.
    """
    row = _row(store, uid)
    key = row["feature_id"]
    near = _rows(store, _NEAR, id=key, most=MOST_NEIGHBOURS)
    (counted,) = _rows(store, _N_NEAR, id=key)
    return {
        "uid": uid,
        "feature_id": key,
        "kind": row["kind"],
        "sample": row["sample"],
        "t": row["t"],
        "position": [row["z"], row["y"], row["x"]],
        "attributes": [
            {"name": c.name, "value": row[c.name], "unit": c.unit, "frame": c.frame, "meaning": c.meaning}
            for c in FEATURES.columns
        ],
        "job": _job(store, row["job_id"]),
        "track": _rows(store, _TRACK, id=key),
        "near": near,
        "n_near": counted["n"],
        "later": _rows(store, _LATER, id=key),
        "earlier": _rows(store, _EARLIER, id=key),
        "cypher": f"MATCH (f:Feature {{feature_id: {key}}})\nOPTIONAL MATCH (f)-[r:NEAR]-(d:Feature)\n"
        "RETURN f.uid AS uid, f.kind AS kind, f.volume AS volume, d.feature_id AS feature_id, r.gap AS gap\n"
        "ORDER BY gap, feature_id",
    }


def voxels(store: Store, uid: str) -> bytes:
    """Grey values, scaled to 0..255, and voxels of a feature in the box around it.

    Raises
    ------
    InputError
        If there is no such feature, or its scan has no voxels.
    VolumeError
        If the volume is no longer there, or is not the one that was ingested.
    """
    _row(store, uid)
    found = crop(store, uid, margin=MARGIN, most=MOST_VOXELS)
    raw = found.raw.astype(np.float32)
    low, high = (float(raw.min()), float(raw.max())) if raw.size else (0.0, 0.0)
    grey = ((raw - low) * (255 / (high - low)) if high > low else np.zeros_like(raw)).round().astype(np.uint8)
    header = {"shape": list(raw.shape), "offset": list(found.offset), "low": low, "high": high, "most": MOST_VOXELS}
    return binary.pack(header, {"raw": grey, "mask": found.mask.astype(np.uint8)})


def _row(store: Store, uid: str) -> dict[str, Any]:
    sample, t, label = ids.parse_uid(uid)
    rows = store.sql(_ROW, {"sample": sample, "t": t, "label": label}).to_pylist()
    if not rows:
        raise NotThere(f"the store holds no feature {uid!r}: valid are sample/t/label as in the uid of a feature")
    found: dict[str, Any] = rows[0]
    return found


def _job(store: Store, job: str) -> dict[str, object] | None:
    rows = store.sql(_JOB, {"job": job}).to_pylist()
    return None if not rows else rows[0] | {name: json.loads(rows[0][name]) for name in ("parameters", "inputs")}


def _rows(store: Store, query: str, **parameters: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = store.cypher(query, **parameters).to_pylist()
    return found
