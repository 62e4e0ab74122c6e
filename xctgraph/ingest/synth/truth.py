"""The truth as tables, one Parquet file each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from xctgraph.ingest.synth import artefacts as artefacts_of
from xctgraph.ingest.synth.defects import INCLUSION, inside
from xctgraph.ingest.synth.displacement import grid
from xctgraph.ingest.synth.render import LEVELS, Scan
from xctgraph.ingest.synth.scene import Scene
from xctgraph.ingest.synth.survey import Components, Painted
from xctgraph.store.errors import InputError
from xctgraph.store.labels import Labels

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_I, _F, _B, _S = pa.int64(), pa.float64(), pa.bool_(), pa.string()


def _axes(prefix: str, type_: pa.DataType = _F) -> dict[str, pa.DataType]:
    return {f"{prefix}{axis}": type_ for axis in "zyx"}


BOX = tuple(f"bbox_{axis}_{end}" for axis in "zyx" for end in ("min", "max"))
_T = {"t": pa.int32()}
_SIZE = {"n_voxels": _I, **_axes("v"), **_axes("")}
_LINK = {"t": pa.int32(), "source": _I, "target": _I, "event": _S, "defects": pa.list_(_I)}
SCHEMAS: dict[str, pa.Schema] = {
    name: pa.schema(columns)
    for name, columns in {
        "features": {**_T, "defect_id": _I, "kind": _S, "component": _I, **_SIZE, **_axes("ref_"), **dict.fromkeys(BOX, _I),
                     "visible": _B},
        "components": {**_T, "component": _I, "kind": _S, **_SIZE, **_axes("first_", _I), **dict.fromkeys(BOX, _I),
                       "n_defects": _I, "border_touching": _B, "visible": _B, "ambiguous": _B},
        "labels": {**_T, "z": pa.int32(), "y": pa.int32(), "x_start": pa.int32(), "x_stop": pa.int32(), "label": pa.int32()},
        "links": {**_LINK, **_axes("source_first_", _I), **_axes("target_first_", _I), **_axes("source_v"), **_axes("target_v"),
                  "visible": _B, "ambiguous": _B},
        "events": {**_T, "event": _S, "defects": pa.list_(_I)},
        "displacement": {**_T, **_axes(""), **_axes("u")},
        "front": {**_T, "fracture": pa.int32(), "site": pa.int32(), **_axes(""), **_axes("v"), **_axes("ref_"),
                  **_axes("direction_"), "curvature": _F, "local_density": _F, "advance_um": _F},
        "surface": {**_T, "fracture": pa.int32(), "branch": pa.int32(), **_axes(""), "opening_um": _F},
        "rings": {**_T, "z_start": pa.int32(), "z_stop": pa.int32(), "radius": pa.int32(), "amplitude": _F},
        "artefacts": {**_T, "gain": _F, "cupping": _F, "noise": _F, "blur": _F, "rings": _F, "face_x": _F},
    }.items()
}  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """What is true of a sample.

    Lengths are in µm; columns that begin with v are in voxels, those that begin with ref_ in the frame of the first scan, all
    others in that of scan `t`.

    Attributes
    ----------
    features : pyarrow.Table
        A row per defect and scan in which it has voxels of its own: `defect_id` (the fractures have the largest), the `component`
        it belongs to, where its voxels are; `visible` if that component is.
    components : pyarrow.Table
        26-connected parts of bright and of dark voxels of the noise-free volume, labelled as the store labels them, with their
        first voxel in C order. `visible` have at least `VISIBLE_VOXELS` voxels; `ambiguous` are pores so near the fracture that
        blur may join them, and all parts of a fracture but its largest.
    labels : pyarrow.Table
        Runs of the components.
    links : pyarrow.Table
        Components of scans `t` and `t + 1` that share a defect (`defects`), with the event of the schema of NEXT.
    events : pyarrow.Table
        birth, death, split, merge, swallowed, enter and leave (through a face of the volume) of `defects`, at the first scan
        `t` that shows it.
    displacement : pyarrow.Table
        From scan `t` to `t + 1` on the nodes of a grid.
    front : pyarrow.Table
        Nodes of the front of each `fracture` (0 for the first): outward direction, curvature, the density ahead that the growth
        law saw, and the advance until the next scan along the outward normal, in the mean plane of the fracture (null in the
        last scan, where the normal misses the later front, and where two fractures meet on the way).
    surface : pyarrow.Table
        Mid-surface of each `fracture` (`branch` 0) and of its branches, and their opening along z, on every fourth column of
        voxels.
    rings : pyarrow.Table
        Amplitude of the rings in grey values, by slices `z_start` to `z_stop` - 1 and whole `radius` in voxels.
    artefacts : pyarrow.Table
        A row per scan: `gain` of all contrasts; depth of the cupping and standard deviations of noise and rings in grey values;
        `blur` in voxels; x of the sample's face in voxels (null without air).
    """

    features: pa.Table
    components: pa.Table
    labels: pa.Table
    links: pa.Table
    events: pa.Table
    displacement: pa.Table
    front: pa.Table
    surface: pa.Table
    rings: pa.Table
    artefacts: pa.Table


def read(folder: str | Path) -> Truth:
    """Read the truth from its folder.

    Raises
    ------
    InputError
        If the folder lacks a table.
    """
    folder = Path(folder)
    absent = [name for name in SCHEMAS if not (folder / f"{name}.parquet").is_file()]
    if absent:
        raise InputError(f"{folder} lacks {', '.join(absent)}.parquet: name the folder `truth` that xctgraph synth has written")
    return Truth(**{name: pq.read_table(folder / f"{name}.parquet") for name in SCHEMAS})


def write(folder: Path, tables: dict[str, list[pa.Table]]) -> None:
    """Write the tables, collected scan by scan, into `folder`; a table without parts is written without rows."""
    for name, schema in SCHEMAS.items():
        table = pa.concat_tables([schema.empty_table(), *(part.select(schema.names).cast(schema) for part in tables[name])])
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")


def features(scene: Scene, scan: Scan, painted: Painted, found: Components) -> pa.Table:
    """Defects with voxels of their own in one scan."""
    ids = np.flatnonzero(painted.count)
    centroid = painted.sums[ids] / painted.count[ids, None]
    component = found.of[ids]
    kinds = np.append(np.where(scene.defects.kind == INCLUSION, "inclusion", "pore"), np.full(len(scene.fractures), "fracture"))
    return pa.table(
        {
            "t": np.full(len(ids), scan.t, np.int32),
            "defect_id": ids,
            "kind": kinds[ids - 1],
            "component": component,
            "n_voxels": painted.count[ids],
            **_vector("v", centroid),
            **_vector("", centroid * scene.spec.spacing),
            **_vector("ref_", scene.inverse(centroid, scan.t) * scene.spec.spacing),
            **dict(zip(BOX, painted.box[ids].T, strict=True)),
            "visible": found.visible[component - 1],
        }
    )


def components(scene: Scene, scan: Scan, found: Components) -> pa.Table:
    """Connected components in one scan."""
    n = len(found.n_voxels)
    shape = np.asarray(scene.spec.shape)
    kind = np.where(found.fracture, "fracture", np.where(found.phase == INCLUSION, "inclusion", "pore"))
    painted = np.unique(found.of[found.of > 0], return_counts=True)
    defects = np.zeros(n, np.int64)
    defects[painted[0] - 1] = painted[1]
    return pa.table(
        {
            "t": np.full(n, scan.t, np.int32),
            "component": np.arange(1, n + 1),
            "kind": kind,
            "n_voxels": found.n_voxels,
            **_vector("v", found.centroid),
            **_vector("", found.centroid * scene.spec.spacing),
            **_vector("first_", found.first),
            **dict(zip(BOX, found.box.T, strict=True)),
            "n_defects": defects,
            "border_touching": (found.box[:, ::2] == 0).any(axis=1) | (found.box[:, 1::2] == shape).any(axis=1),
            "visible": found.visible,
            "ambiguous": found.ambiguous,
        }
    )


def labels(t: int, runs: Labels) -> pa.Table:
    """Label runs of the components of one scan."""
    table = runs.to_table()
    return table.add_column(0, "t", pa.array(np.full(table.num_rows, t, np.int32)))


def links(t: int, now: Components, later: Components) -> pa.Table:
    """Links of components between scans `t` and `t + 1`: those that share a defect."""
    ids = np.flatnonzero((now.of > 0) & (later.of > 0))
    pairs, at = np.unique(np.stack([now.of[ids], later.of[ids]], axis=1), axis=0, return_inverse=True)
    source, target = pairs.T
    cracked = now.fracture[source - 1]
    swallowed = later.fracture[target - 1] & ~cracked
    plain = ~swallowed & ~cracked
    split = plain & (np.bincount(source[plain], minlength=source.max(initial=0) + 1)[source] > 1)
    # That a fracture takes up what a face of the volume had cut off from it is no merge.
    whole = ~swallowed & ~(cracked & now.ambiguous[source - 1])
    merge = whole & (np.bincount(target[whole], minlength=target.max(initial=0) + 1)[target] > 1)
    event = np.select([swallowed, split, merge], ["swallowed", "split", "merge"], "continue")
    order = np.argsort(at.reshape(-1), kind="stable")
    return pa.table(
        {
            "t": np.full(len(pairs), t, np.int32),
            "source": source,
            "target": target,
            "event": event,
            "defects": _lists(at.reshape(-1)[order], ids[order], len(pairs)),
            **_vector("source_first_", now.first[source - 1]),
            **_vector("target_first_", later.first[target - 1]),
            **_vector("source_v", now.centroid[source - 1]),
            **_vector("target_v", later.centroid[target - 1]),
            "visible": now.visible[source - 1] & later.visible[target - 1],
            "ambiguous": now.ambiguous[source - 1] | later.ambiguous[target - 1],
        }
    )


def events(scene: Scene, t: int, before: Components, now: Components, edges: pa.Table) -> pa.Table:
    """What happened to defects between scans `t - 1` and `t`; `edges` are the links between these."""
    defects = slice(1, len(scene.defects) + 1)
    was, is_ = before.of[defects] > 0, now.of[defects] > 0
    alive_before, alive = scene.defects.alive(t - 1), scene.defects.alive(t)
    gone = scene.swallowed <= t
    single = {
        "birth": is_ & ~alive_before & ~gone,
        "death": was & ~alive,
        "enter": is_ & ~was & alive_before & ~gone,
        "leave": was & ~is_ & alive,
        "swallowed": was & is_ & (scene.swallowed == t),
    }
    names: list[str] = []
    ids: list[list[int]] = []
    for name, which in single.items():
        found = np.flatnonzero(which) + 1
        names += [name] * len(found)
        ids += [[int(i)] for i in found]
    for name, side in (("split", "source"), ("merge", "target")):
        chosen = edges.filter(pa.compute.equal(edges["event"], name))
        for end in np.unique(chosen[side].to_numpy()):
            members = chosen["defects"].filter(pa.compute.equal(chosen[side], int(end)))
            names.append(name)
            ids.append(sorted(i for part in members.to_pylist() for i in part))
    return pa.table(
        {
            "t": pa.array([t] * len(names), pa.int32()),
            "event": pa.array(names, pa.string()),
            "defects": pa.array(ids, pa.list_(pa.int64())),
        }
    )


def displacement(scene: Scene, t: int) -> pa.Table:
    """Displacement from scan `t` to `t + 1` on a regular grid in scan `t`; columns as in the store's `fields`."""
    nodes = grid(scene.spec.shape)
    spacing = np.asarray(scene.spec.spacing)
    return pa.table(
        {
            "t": np.full(len(nodes), t, np.int32),
            **_vector("", nodes * spacing),
            **_vector("u", scene.step(nodes, t) * spacing),
        }
    )


def front(scene: Scene, number: int, t: int) -> pa.Table:
    """Nodes of the front of one fracture in scan `t` that lie in the volume and not in another fracture."""
    fracture = scene.fractures.each[number]
    spacing = np.asarray(scene.spec.spacing)
    material, _ = fracture.sites(t)
    points = scene.displacement.forward(material, t)
    ahead = material + 0.5 * fracture.outward(t, scene.spec.spacing) / spacing
    direction = (scene.displacement.forward(ahead, t) - points) * spacing
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    met = scene.fractures.met(number, t)
    advance = np.full(len(points), np.nan)
    if t + 1 < scene.spec.steps:
        advance = np.where(scene.fractures.met(number, t + 1), np.nan, fracture.advances(t, scene.spec.spacing))
    table = pa.table(
        {
            "t": np.full(len(points), t, np.int32),
            "fracture": np.full(len(points), number, np.int32),
            "site": np.arange(len(points), dtype=np.int32),
            **_vector("", points * spacing),
            **_vector("v", points),
            **_vector("ref_", material * spacing),
            **_vector("direction_", direction),
            "curvature": fracture.curvature(t, scene.spec.spacing),
            "local_density": pa.array(scene.density[t][number], from_pandas=True),
            "advance_um": pa.array(advance, from_pandas=True),
        }
    )
    return table.filter(pa.array(inside(points, scene.spec.shape) & ~met))


def surface(scene: Scene, scan: Scan, number: int) -> pa.Table:
    """Mid-surface and opening of one fracture on every fourth column of the scan, seen along z."""
    halo = scan.halo
    _, height, width = scene.spec.shape
    y, x = np.meshgrid(np.arange(0, height, 4), np.arange(0, width, 4), indexing="ij")
    dz, dy, dx = scene.spec.spacing
    parts = []
    for branch, (all_middle, all_half) in enumerate(scan.sheets[number]):
        middle, half = all_middle[y + halo, x + halo], all_half[y + halo, x + halo]
        open_ = (half > 0) & (middle >= 0) & (middle <= scene.spec.shape[0] - 1)
        n = int(open_.sum())
        parts.append(
            pa.table(
                {
                    "t": np.full(n, scan.t, np.int32),
                    "fracture": np.full(n, number, np.int32),
                    "branch": np.full(n, branch, np.int32),
                    "z": middle[open_] * dz,
                    "y": y[open_] * dy,
                    "x": x[open_] * dx,
                    "opening_um": 2 * half[open_] * dz,
                }
            )
        )
    return pa.concat_tables(parts)


def rings(scene: Scene, t: int) -> pa.Table:
    """Amplitudes of the rings of one scan."""
    spec = scene.spec
    matrix, bright, _ = LEVELS[spec.dtype]
    starts = range(0, spec.shape[0], artefacts_of.RING_ROWS) if spec.rings else ()
    profiles = [(bright - matrix) * artefacts_of.ring_profile(spec, t, z) for z in starts]
    size = len(profiles[0]) if profiles else 0
    start = np.repeat(np.array(starts, np.int32), size)
    return pa.table({
        "t": np.full(len(start), t, np.int32), "z_start": start,
        "z_stop": np.minimum(start + artefacts_of.RING_ROWS, spec.shape[0]).astype(np.int32),
        "radius": np.tile(np.arange(size, dtype=np.int32), len(profiles)),
        "amplitude": np.concatenate([np.empty(0), *profiles]),
    })  # fmt: skip


def artefacts(scene: Scene, t: int) -> pa.Table:
    """What was done to the grey values of one scan."""
    spec = scene.spec
    matrix, bright, dark = LEVELS[spec.dtype]
    row = {
        "t": t,
        "gain": artefacts_of.gain(spec, t),
        "cupping": spec.beam_hardening * (matrix - dark),
        "noise": spec.noise * (bright - matrix),
        "blur": spec.blur,
        "rings": spec.rings * (bright - matrix),
        "face_x": scene.face(t) if spec.air_voxels else None,
    }
    return pa.Table.from_pylist([row], SCHEMAS["artefacts"])


def _vector(prefix: str, values: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
    return {f"{prefix}{axis}": values[:, k] for k, axis in enumerate("zyx")}


def _lists(row: Ints, values: Ints, n: int) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n))])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, pa.int64()))
