"""Tables of what was run, and of what no graph shows: jobs, label runs, displacement, corrections, links given by a file."""

from __future__ import annotations

from xctgraph.store.table import Table
from xctgraph.store.table import column as _c
from xctgraph.store.table import vector as _vector

JOB = _c("job_id", "string", "job that made the row")
SAMPLE = _c("sample", "string", "sample the row belongs to")
T = _c("t", "int32", "scan index")

STUDIES = Table(
    "studies",
    "One row per stored result.",
    (
        _c("study_id", "string", "identifier"),
        _c("question", "string", "question in words"),
        _c("parameters", "string", "parameters as JSON"),
        _c("effect", "float64", "primary effect", nullable=True),
        _c("interval_low", "float64", "lower end of the 95 % interval", nullable=True),
        _c("interval_high", "float64", "upper end of the 95 % interval", nullable=True),
        _c("p", "float64", "p-value", nullable=True),
        _c("seed", "int64", "seed of the random generator", nullable=True),
        JOB,
    ),
    key=("study_id",),
    node="Study",
)


JOBS = Table(
    "jobs",
    "One row per run that wrote to the store.",
    (
        _c("job_id", "string", "identifier"),
        _c("command", "string", "what was run"),
        _c("sample", "string", "sample it wrote", nullable=True),
        _c("t", "int32", "scan it wrote", nullable=True),
        _c("started_at", "string", "start, ISO 8601, UTC"),
        _c("seconds", "float64", "duration", "s"),
        _c("version", "string", "version of xctgraph"),
        _c("parameters", "string", "parameters as JSON"),
        _c("inputs", "string", "paths and checksums of the inputs as JSON"),
        _c("seed", "int64", "seed of the random generator", nullable=True),
    ),
    key=("job_id",),
)


LABEL_RUNS = Table(
    "label_runs",
    "Labels of one scan as runs of voxels along x, in C order.",
    (
        _c("z", "int32", "slice", "voxel", "voxel"),
        _c("y", "int32", "row", "voxel", "voxel"),
        _c("x_start", "int32", "first voxel", "voxel", "voxel"),
        _c("x_stop", "int32", "one past the last voxel", "voxel", "voxel"),
        _c("label", "int32", "label of the feature"),
    ),
    in_statistics=False,
)


MATERIAL_RUNS = Table(
    "material_runs",
    "Sample mask as runs of voxels along x, only where one was given: without it the whole scan is material.",
    (
        _c("z", "int32", "slice", "voxel", "voxel"),
        _c("y", "int32", "row", "voxel", "voxel"),
        _c("x_start", "int32", "first voxel", "voxel", "voxel"),
        _c("x_stop", "int32", "one past the last voxel", "voxel", "voxel"),
    ),
    in_statistics=False,
)


FIELDS = Table(
    "fields",
    "Displacement from scan t to t + dt on the nodes of a regular grid; linear between them.",
    (
        SAMPLE,
        T,
        _c("dt", "int32", "scans between the two", "1", known_at="t+1"),
        *_vector("", "grid node", "um", "scan"),
        *_vector("u", "displacement", "um", "scan", known_at="t+1"),
        JOB,
    ),
    in_statistics=False,
)


CORRECTIONS = Table(
    "corrections",
    "One row per correction by a person. Features are known again by position and volume when their scan is made anew.",
    (
        SAMPLE,
        _c("action", "string", "link, unlink, kind or drop"),
        _c("uid", "string", "feature, as it is called now; the last known one where `applied` is false"),
        _c("at_t", "int32", "scan of the feature"),
        *_vector("", "centroid of the feature", "um", "scan"),
        _c("volume", "float64", "volume of the feature", "um^3", "scan"),
        _c("other_uid", "string", "link, unlink: the later feature", nullable=True),
        _c("other_t", "int32", "scan of the later feature", nullable=True),
        *_vector("other_", "centroid of the later feature", "um", "scan", nullable=True),
        _c("other_volume", "float64", "volume of the later feature", "um^3", "scan", nullable=True),
        _c("kind", "string", "kind: the kind that the feature gets", nullable=True),
        _c("found_kind", "string", "kind of the feature as it was found"),
        _c("author", "string", "who made the correction"),
        _c("reason", "string", "why"),
        _c("made_at", "string", "when, ISO 8601, UTC"),
        _c("applied", "bool", "false where its features are not found in the scans as they are now"),
        JOB,
    ),
    key=("job_id",),
)


GIVEN_LINKS = Table(
    "given_links",
    "Links from scan t that a table or a file of links gives, by the labels of its program.",
    (
        SAMPLE,
        T,
        _c("t_target", "int32", "scan of the later feature"),
        _c("source_label", "int64", "source_label of the earlier feature; its label where it has none"),
        _c("target_label", "int64", "source_label of the later feature; its label where it has none"),
        _c("confidence", "float64", "probability that the link is right, as the file says", "1", nullable=True),
        JOB,
    ),
    in_statistics=False,
)
