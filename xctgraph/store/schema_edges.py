"""Tables of edges: what is near, what touches, what became of what."""

from __future__ import annotations

from xctgraph.store.table import Column, Table
from xctgraph.store.table import column as _c
from xctgraph.store.table import vector as _vector

_EDGE_JOB = _c("job_id", "string", "job that made the row", in_graph=False)
_EDGE_SAMPLE = _c("sample", "string", "sample the row belongs to", in_graph=False)
_EDGE_T = _c("t", "int32", "scan index of the source", in_graph=False)


def _edge_ends(of: str) -> tuple[Column, ...]:
    return (
        _c("source", "int64", f"{of} the edge leaves"),
        _c("target", "int64", f"{of} the edge enters"),
        _EDGE_SAMPLE,
        _EDGE_T,
    )


NEAR = Table(
    "near",
    "Two features of one scan whose surfaces are close; stored once, from the smaller to the larger id.",
    (
        *_edge_ends("feature"),
        _c(
            "gap",
            "float64",
            "smallest distance between voxel centres of the two; face neighbours have one voxel edge. "
            "Without voxels, between the spheres of their volumes, at least the smallest voxel edge",
            "um",
            "scan",
        ),
        _c("distance", "float64", "distance between centroids; without meaning for a fracture", "um", "scan"),
        _EDGE_JOB,
    ),
    key=("source", "target"),
    edge="NEAR",
    edge_from="Feature",
    edge_to="Feature",
)

TOUCHES = Table(
    "touches",
    "Two features of different kinds in one scan that share voxel faces; stored once, from the smaller to the larger id.",
    (
        *_edge_ends("feature"),
        _c("contact_area", "float64", "total area of the shared voxel faces", "um^2", "scan"),
        _EDGE_JOB,
    ),
    key=("source", "target"),
    edge="TOUCHES",
    edge_from="Feature",
    edge_to="Feature",
)

NEXT = Table(
    "next",
    "A feature and what it became in a later scan.",
    (
        *_edge_ends("feature"),
        _c("dt", "int32", "scans between the two", "1", known_at="t+1"),
        _c(
            "overlap",
            "int64",
            "voxels shared after the displacement is removed; where a scan has no voxels, volume shared by "
            "the spheres over the volume of a voxel",
            "voxel",
            known_at="t+1",
        ),
        _c("iou", "float64", "overlap over union after the displacement is removed", "1", known_at="t+1"),
        _c("cost", "float64", "cost of the match", "1", known_at="t+1"),
        _c(
            "confidence",
            "float64",
            "probability that the link is right, by a model fitted to scenes with truth, or as the file says that gives the "
            "link; null for links of fractures, for those given by a person, or by a file without one, and where no "
            "displacement is known",
            "1",
            nullable=True,
            known_at="t+1",
        ),
        _c("event", "string", "continue, split, merge or swallowed", known_at="t+1"),
        _EDGE_JOB,
    ),
    key=("source", "target"),
    edge="NEXT",
    edge_from="Feature",
    edge_to="Feature",
)

FACES = Table(
    "faces",
    "A front site and an inclusion or pore ahead of it, with its nearest voxel within scans.front_radius.",
    (
        *_edge_ends("front site or feature"),
        _c(
            "gap",
            "float64",
            "distance from the site to the nearest voxel centre of the defect on the side of `direction`",
            "um",
            "scan",
        ),
        *_vector("direction_", "unit vector from the site to that voxel", "1", "scan"),
        _EDGE_JOB,
    ),
    key=("source", "target"),
    edge="FACES",
    edge_from="FrontSite",
    edge_to="Feature",
)

ADJACENT = Table(
    "adjacent",
    "Two regions of one scan that share a face; stored once.",
    (*_edge_ends("region"), _EDGE_JOB),
    key=("source", "target"),
    edge="ADJACENT",
    edge_from="Region",
    edge_to="Region",
)

NEXT_REGION = Table(
    "next_region",
    "The same cell in the next scan.",
    (*_edge_ends("region"), _EDGE_JOB),
    key=("source", "target"),
    edge="NEXT_REGION",
    edge_from="Region",
    edge_to="Region",
)
