"""From the scene to voxels: painting of ids, and grey values with blur and noise, slab by slab."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xctgraph.ingest.synth import artefacts
from xctgraph.ingest.synth.defects import PORE
from xctgraph.ingest.synth.fracture import Fracture, half_opening
from xctgraph.ingest.synth.scene import Scene
from xctgraph.ingest.synth.spec import SynthSpec
from xctgraph.store.jit import njit

Array = NDArray[np.float64]
Sheets = tuple[tuple[Array, Array], ...]

BRIGHT, DARK = 1, 2
LEVELS = {"uint8": (120.0, 190.0, 50.0), "uint16": (24000.0, 38000.0, 10000.0)}
"""Grey values of matrix, inclusions, and pores and fractures."""
SLAB_VOXELS = 12_000_000
LARGEST_HALO = 9


@dataclass(frozen=True)
class Scan:
    """What one scan is painted from; arrays are padded by `halo` voxels on every side for the blur.

    Attributes
    ----------
    order : (k,) int64 array
        Defects to paint, those that come first win the voxel.
    value : (n,) int32 array
        Id that each paints: its own, or the fracture's once swallowed.
    phase : (n + 1 + fractures,) uint8 array
        0 matrix, 1 bright, 2 dark by id.
    sheets : tuple of tuples of pairs of (y, x) arrays
        By fracture: z of the mid-surface and half opening by column, of the fracture and its branches; half is negative where
        there is none.
    face : float
        x of the face of the sample; what lies before it is air. 0 where the sample fills the volume.
    """

    t: int
    halo: int
    centre: Array
    axes: Array
    semi: Array
    order: NDArray[np.int64]
    value: NDArray[np.int32]
    phase: NDArray[np.uint8]
    sheets: tuple[Sheets, ...]
    face: float


def prepare(scene: Scene, t: int) -> Scan:
    """Collect what is painted in scan `t`. Ellipsoids are moved with their centres and keep shape and orientation."""
    spec, defects = scene.spec, scene.defects
    alive = defects.alive(t)
    gone = alive & (scene.swallowed <= t)
    rank = np.where(gone, 0, defects.kind)
    order = np.argsort(rank, kind="stable")
    phase = np.full(len(defects) + 1 + len(scene.fractures), DARK, np.uint8)
    phase[0] = 0
    phase[1 : len(defects) + 1] = np.where(defects.kind == PORE, DARK, BRIGHT)
    halo = _halo(spec)
    ids = np.arange(1, len(defects) + 1)
    return Scan(
        t, halo, scene.position(t), defects.axes, defects.size(t), order[alive[order]],
        np.where(gone, scene.swallowed_by, ids).astype(np.int32), phase,
        tuple(_columns(scene, fracture, t, halo) for fracture in scene.fractures.each), scene.face(t),
    )  # fmt: skip


def paint(spec: SynthSpec, scan: Scan, z0: int, z1: int) -> NDArray[np.int32]:
    """Ids of slices `z0` to `z1`, with `halo` voxels around: the fractures first, then inclusions, then pores."""
    halo = scan.halo
    _, height, width = spec.shape
    ids = np.zeros((z1 - z0 + 2 * halo, height + 2 * halo, width + 2 * halo), np.int32)
    reach = scan.semi[scan.order].max(axis=1) + 1
    z = scan.centre[scan.order, 0]
    order = scan.order[(z + reach >= z0 - halo) & (z - reach <= z1 - 1 + halo)]
    for id_, sheets in enumerate(scan.sheets, len(scan.phase) - len(scan.sheets)):
        for middle, half in sheets:
            _paint_sheet(ids, float(z0 - halo), middle, half, np.int32(id_))
    _paint_ellipsoids(ids, np.array([z0 - halo, -halo, -halo], float), order, scan.centre, scan.axes, scan.semi, scan.value)
    if spec.air_voxels:
        ids[:, :, : max(0, int(np.ceil(scan.face)) + halo)] = 0
    return ids


def grey(spec: SynthSpec, scan: Scan, ids: NDArray[np.int32], z0: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Grey values of the painted slab that starts at slice `z0`. The noise of a slice depends on seed, scan and slice only."""
    halo = scan.halo
    matrix, bright, dark = LEVELS[spec.dtype]
    contrast = np.array([0.0, bright - matrix, dark - matrix], np.float32)[scan.phase] * np.float32(artefacts.gain(spec, scan.t))
    clean = np.full([n - 2 * halo for n in ids.shape], matrix, np.float32)
    _blur(ids, contrast, _kernel(spec.blur, halo), clean)
    out = np.empty(clean.shape, spec.dtype)
    noise = np.empty(clean.shape[1:], np.float32)
    largest = float(np.iinfo(out.dtype).max)
    scale = np.float32(spec.noise * (bright - matrix))
    for k, plane in enumerate(clean):
        artefacts.add(spec, scan.t, z0 + k, scan.face, plane, bright - matrix, matrix - dark)
        if scale:
            spec.rng(_STAGE, scan.t, z0 + k).standard_normal(out=noise, dtype=np.float32)
            np.multiply(noise, scale, out=noise)
            np.add(plane, noise, out=plane)
        np.rint(plane, out=plane)
        np.clip(plane, 0, largest, out=plane)
        out[k] = plane
    return out


def sample_mask(spec: SynthSpec, scan: Scan, depth: int) -> NDArray[np.uint8]:
    """Mask of `depth` slices: 1 in the sample, 0 in the air before its face."""
    mask = np.ones((depth, *spec.shape[1:]), np.uint8)
    mask[:, :, : max(0, int(np.ceil(scan.face)))] = 0
    return mask


def slab_height(spec: SynthSpec) -> int:
    """Slices painted at once, a multiple of 8: about 12 million voxels, so that memory does not grow with the volume."""
    height = SLAB_VOXELS // (spec.shape[1] * spec.shape[2])
    return max(8, height // 8 * 8)


def _halo(spec: SynthSpec) -> int:
    return int(np.ceil(3 * spec.blur))


def _kernel(blur: float, halo: int) -> NDArray[np.float32]:
    if halo == 0:
        return np.ones(1, np.float32)
    weight = np.exp(-0.5 * (np.arange(-halo, halo + 1) / blur) ** 2)
    kernel: NDArray[np.float32] = (weight / weight.sum()).astype(np.float32)
    return kernel


def _columns(scene: Scene, fracture: Fracture, t: int, halo: int) -> Sheets:
    _, height, width = scene.spec.shape
    # The motion is smooth: it is inverted on a coarse grid and interpolated.
    rows, to_rows = _coarse(height, halo)
    columns, to_columns = _coarse(width, halo)
    y, x = np.meshgrid(rows, columns, indexing="ij")
    z = np.full(y.shape, fracture.centre[0])
    # The material of a column depends on the height of the sheet there, and the reverse.
    for _ in range(3):
        material = scene.displacement.inverse(np.stack([z, y, x], axis=-1).reshape(-1, 3), t)
        material[:, 0] = fracture.height(material[:, 1], material[:, 2])
        lifted = scene.displacement.at(material, t)[:, 0].reshape(y.shape)
        z = material[:, 0].reshape(y.shape) + lifted
    lift, y, x = (to_rows @ part.reshape(len(rows), -1) @ to_columns.T for part in (lifted, material[:, 1], material[:, 2]))
    middle = fracture.height(y, x) + lift
    return tuple((middle + rise, half_opening(behind)) for rise, behind in fracture.sheets(y, x, t))


def _coarse(n: int, halo: int) -> tuple[Array, Array]:
    """About every eighth voxel, at least 33 nodes, and the matrix of linear interpolation from them to -halo..n+halo-1."""
    # The nodes don't depend on the halo, or the blur would change what is painted.
    nodes = np.linspace(-LARGEST_HALO, n - 1 + LARGEST_HALO, max(33, n // 8))
    fine = np.arange(-halo, n + halo, dtype=float)
    return nodes, np.stack([np.interp(fine, nodes, unit) for unit in np.eye(len(nodes))], axis=1)


@njit
def _paint_sheet(ids: NDArray[np.int32], z0: float, middle: Array, half: Array, value: np.int32) -> None:
    depth, height, width = ids.shape
    for y in range(height):
        for x in range(width):
            if half[y, x] >= 0.0:
                low = max(0, int(np.ceil(middle[y, x] - half[y, x] - z0)))
                high = min(depth - 1, int(np.floor(middle[y, x] + half[y, x] - z0)))
                for z in range(low, high + 1):
                    if ids[z, y, x] == 0:
                        ids[z, y, x] = value


@njit
def _paint_ellipsoids(
    ids: NDArray[np.int32],
    origin: Array,
    order: NDArray[np.int64],
    centre: Array,
    axes: Array,
    semi: Array,
    value: NDArray[np.int32],
) -> None:
    depth, height, width = ids.shape
    for i in order:
        a = axes[i]
        r = semi[i]
        c = centre[i] - origin
        ez = np.sqrt((a[0, 0] * r[0]) ** 2 + (a[1, 0] * r[1]) ** 2 + (a[2, 0] * r[2]) ** 2)
        ey = np.sqrt((a[0, 1] * r[0]) ** 2 + (a[1, 1] * r[1]) ** 2 + (a[2, 1] * r[2]) ** 2)
        ex = np.sqrt((a[0, 2] * r[0]) ** 2 + (a[1, 2] * r[1]) ** 2 + (a[2, 2] * r[2]) ** 2)
        for z in range(max(0, int(np.ceil(c[0] - ez))), min(depth - 1, int(np.floor(c[0] + ez))) + 1):
            for y in range(max(0, int(np.ceil(c[1] - ey))), min(height - 1, int(np.floor(c[1] + ey))) + 1):
                for x in range(max(0, int(np.ceil(c[2] - ex))), min(width - 1, int(np.floor(c[2] + ex))) + 1):
                    distance = 0.0
                    for k in range(3):
                        p = (a[k, 0] * (z - c[0]) + a[k, 1] * (y - c[1]) + a[k, 2] * (x - c[2])) / r[k]
                        distance += p * p
                    if distance <= 1.0 and ids[z, y, x] == 0:
                        ids[z, y, x] = value[i]


@njit
def _blur(ids: NDArray[np.int32], contrast: NDArray[np.float32], kernel: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    # Defects are sparse: spreading each painted voxel costs far less than filtering the volume. The order of additions at a
    # voxel is the C order of its sources, whatever the slab.
    depth, height, width = ids.shape
    n = len(kernel)
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                if ids[z, y, x] == 0:
                    continue
                c = contrast[ids[z, y, x]]
                for i in range(max(0, z - depth + n), min(n, z + 1)):
                    for j in range(max(0, y - height + n), min(n, y + 1)):
                        w = c * kernel[i] * kernel[j]
                        for k in range(max(0, x - width + n), min(n, x + 1)):
                            out[z - i, y - j, x - k] += w * kernel[k]


_STAGE = 5
