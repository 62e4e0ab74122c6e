"""Each artefact measured back from the volume, and equal to what the truth says of it."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr

from xctgraph.ingest import config, synth

CLEAN = {"noise": 0.0, "blur": 0.0}
MATRIX, BRIGHT, DARK = 24_000, 38_000, 10_000


def _radius(shape: tuple[int, ...]) -> np.ndarray:
    y, x = np.meshgrid(np.arange(shape[1]) - (shape[1] - 1) / 2, np.arange(shape[2]) - (shape[2] - 1) / 2, indexing="ij")
    return np.sqrt(y**2 + x**2)


def test_rings_are_those_of_the_truth(make, volume) -> None:
    plain, ringed = make("plain", **CLEAN), make("ringed", rings=0.1, **CLEAN)
    truth = synth.read(ringed.truth)
    amplitudes = truth.rings.to_pandas()
    assert amplitudes.amplitude.std() == pytest.approx(0.1 * (BRIGHT - MATRIX), rel=0.1)
    assert truth.artefacts["rings"].to_pylist() == [pytest.approx(0.1 * (BRIGHT - MATRIX))] * 3
    for t in (0, 2):
        rings = volume(ringed, t).astype(float) - volume(plain, t)
        at = np.rint(_radius(rings.shape)).astype(int)
        for z_start, rows in amplitudes[amplitudes.t == t].groupby("z_start"):
            profile = rows.sort_values("radius").amplitude.to_numpy()
            for z in range(z_start, rows.z_stop.iloc[0]):
                assert np.abs(rings[z] - profile[at]).max() <= 1
    first = amplitudes[(amplitudes.t == 0) & (amplitudes.z_start == 0)].amplitude.to_numpy()
    assert abs(np.corrcoef(first, amplitudes[(amplitudes.t == 1) & (amplitudes.z_start == 0)].amplitude)[0, 1]) < 0.6


def test_cupping_is_a_parabola_about_the_axis(make, volume) -> None:
    plain, cupped = make("plain", **CLEAN), make("cupped", beam_hardening=0.2, **CLEAN)
    cup = volume(plain, 1).astype(float) - volume(cupped, 1)
    share = 1 - (_radius(cup.shape) / (88 / 2)) ** 2
    assert np.abs(cup - 0.2 * (MATRIX - DARK) * np.maximum(share, 0)).max() <= 1
    assert synth.read(cupped.truth).artefacts["cupping"].to_pylist() == [pytest.approx(0.2 * (MATRIX - DARK))] * 3


def test_the_contrast_drifts(make, volume) -> None:
    result = make(contrast_drift=-0.4, **CLEAN)
    gains = synth.read(result.truth).artefacts["gain"].to_pylist()
    assert gains == pytest.approx([1.0, 0.8, 0.6])
    for t, gain in enumerate(gains):
        expected = [MATRIX - gain * (MATRIX - DARK), MATRIX, MATRIX + gain * (BRIGHT - MATRIX)]
        assert np.unique(volume(result, t)).tolist() == [round(value) for value in expected]


@pytest.mark.parametrize("blur", [0.0, 0.8])
def test_air_lies_before_the_face_and_outside_the_mask(make, volume, blur: float) -> None:
    result = make(air_voxels=10.0, fractures=0, noise=0.0, blur=blur)
    truth = synth.read(result.truth)
    for scan, face in zip(config.load(result.dataset).scan, truth.artefacts["face_x"].to_pylist(), strict=True):
        assert face == pytest.approx(10, abs=8)
        grey = volume(result, scan.t)
        with h5py.File(str(scan.mask)) as file:
            mask = file["/entry1/data/data"][:]
        first = int(np.ceil(face))
        assert (mask[:, :, :first] == 0).all()
        assert (mask[:, :, first:] == 1).all()
        if blur == 0:
            assert (grey[:, :, :first] == DARK).all()
        assert np.median(grey[:, :, first - 3]) == pytest.approx(DARK, rel=0.02)
        assert np.median(grey[:, :, first + 2]) == pytest.approx(MATRIX, rel=0.02)
        # Midway between the levels at the face.
        assert np.median(grey[:, :, first - 1 : first + 1].mean(axis=2)) == pytest.approx((MATRIX + DARK) / 2, abs=2)
    inside = truth.components.to_pandas()
    assert (inside.bbox_x_min >= np.ceil(truth.artefacts["face_x"].to_numpy())[inside.t]).all()


def test_the_sides_of_the_fracture_part(make) -> None:
    """Defects beside the open fracture move away from it by half its opening, on the side where they lie."""
    same = {"features": 200, "shape": (64, 112, 112), "steps": 4, "field_voxels": 0.0, "strain": 0.0, "drift_voxels": 0.0}
    same |= dict.fromkeys(("births", "deaths", "splits", "merges", "attached"), 0.0) | {"median_voxels": 30.0}
    parted = make("parted", jump=1.0, **same)
    truth = synth.read(parted.truth)
    features = truth.features.to_pandas()
    features = features[(features.kind != "fracture")]
    surface = truth.surface.to_pandas()
    spacing = 1.63
    errors, drifts = [], []
    for _, group in features.groupby("defect_id"):
        rows = group.set_index("t")
        if not {0, 3} <= set(rows.index) or rows.n_voxels[0] != rows.n_voxels[3]:
            continue
        step = (rows.z[3] - rows.z[0]) / spacing
        sheets = {t: _sheet(surface[surface.t == t], rows.y[t], rows.x[t]) for t in (0, 3)}
        # Near the front the opening changes too much from column to column of the truth's grid.
        if None in sheets.values() or not sheets[3]:
            continue
        middle, opening = sheets[3]
        side = np.sign(rows.z[3] - middle)
        before = sheets[0][1] if sheets[0] else 0.0
        errors.append(abs(side * step - (opening - before) / 2 / spacing))
        drifts.append(abs(rows.ref_z[3] - rows.ref_z[0]))
    # Single ones may lie where a branch of the front, or the wavy sheet, is not what the grid shows.
    if len(errors) >= 3:
        assert np.median(errors) < 0.8
        assert np.median(drifts) < 0.5 * spacing
    steps = truth.displacement.to_pandas()
    assert np.abs(steps.uz).max() > 0.5 * spacing
    assert set(np.sign(steps.uz[np.abs(steps.uz) > 0.5])) == {-1.0, 1.0}


def _sheet(surface, y: float, x: float) -> tuple[float, ...] | None:
    """Mean height and opening of the sheet at (y, x); empty where there is none about, None near its front."""
    reach = 9.8  # one and a half steps of the grid: three or four columns either way
    near = surface[(abs(surface.y - y) <= reach) & (abs(surface.x - x) <= reach)]
    if not len(near):
        return ()
    grid = [np.arange(0, n, 4) * 1.63 for n in (112, 112)]
    whole = np.prod([np.count_nonzero(abs(g - at) <= reach) for g, at in zip(grid, (y, x), strict=True)])
    return (float(near.z.mean()), float(near.opening_um.mean())) if len(near) == whole else None


def test_without_a_jump_the_displacement_is_smooth(make) -> None:
    steps = synth.read(make(field_voxels=0.0, strain=0.0, drift_voxels=0.0).truth).displacement.to_pandas()
    assert np.abs(steps[["uz", "uy", "ux"]].to_numpy()).max() < 1e-5


def test_ome_zarr_holds_the_same_volume(make, volume) -> None:
    h5 = make("h5", voxel_size_um=(2.0, 1.0, 1.5))
    other = make("zarr", format="zarr", voxel_size_um=(2.0, 1.0, 1.5))
    for t in range(3):
        folder = other.dataset.parent / f"scan_{t:03d}.zarr"
        group = zarr.open_group(str(folder), mode="r")
        (image,) = group.attrs["ome"]["multiscales"]
        assert [axis["name"] for axis in image["axes"]] == ["z", "y", "x"]
        assert {axis["unit"] for axis in image["axes"]} == {"micrometer"}
        assert image["datasets"][0]["coordinateTransformations"] == [{"type": "scale", "scale": [2.0, 1.0, 1.5]}]
        assert json.loads((folder / "zarr.json").read_text())["zarr_format"] == 3
        assert np.array_equal(group[image["datasets"][0]["path"]][:], volume(h5, t))
    assert [Path(scan.path).name for scan in config.load(other.dataset).scan] == [f"scan_{t:03d}.zarr" for t in range(3)]
    for table in synth.read(h5.truth).__dict__:
        assert getattr(synth.read(h5.truth), table).equals(getattr(synth.read(other.truth), table)), table


def test_branches_belong_to_the_fracture_and_are_where_the_truth_says(make, volume) -> None:
    same = {"features": 0, "shape": (96, 128, 128), "drift_voxels": 0.0, "fracture_end": 0.9}
    single, branched = make("single", **same, **CLEAN), make("branched", branches=2, **same, **CLEAN)
    surface = synth.read(branched.truth).surface.to_pandas()
    assert set(surface[surface.t == 2].branch) == {0, 1, 2}
    dark = volume(branched, 2) == DARK
    more = dark & (volume(single, 2) != DARK)
    assert not ((volume(single, 2) == DARK) & ~dark).any()
    assert more.sum() > 200
    for _, row in surface[surface.t == 2].iterrows():
        z, y, x = (row[axis] / 1.63 for axis in "zyx")
        assert dark[round(z), round(y), round(x)]
    parts = synth.read(branched.truth).components.to_pandas()
    fracture = parts[(parts.t == 2) & (parts.kind == "fracture")]
    assert fracture.n_voxels.max() > 0.97 * dark.sum()
