"""Quality against scenes of known noise, contrast, rings and blur, and volumes of balls whose blurred image has a closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import erf

from xctgraph.ingest import config, pipeline, reliability, synth
from xctgraph.ingest.labelling import Slab
from xctgraph.ingest.quality import Quality, QualityMeter
from xctgraph.queries import catalogue
from xctgraph.store import open_store

SHAPE = (48, 200, 216)
AXIS = (99.5, 107.5)
MATERIAL, CONTRAST = 5000.0, 1000.0


def _ball(shape: tuple[int, ...], centre: NDArray[np.float64], radius: float, blur: float) -> NDArray[np.float64]:
    """Image of a ball, blurred by a Gaussian: the closed form."""
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    r = np.maximum(np.sqrt(((grid - centre) ** 2).sum(axis=-1)), 1e-9)
    root = np.sqrt(2) * blur
    steps = 0.5 * (erf((radius + r) / root) + erf((radius - r) / root))
    tails = np.exp(-((radius - r) ** 2) / root**2) - np.exp(-((radius + r) ** 2) / root**2)
    return steps - blur / (r * np.sqrt(2 * np.pi)) * tails


def _scene(rng: np.random.Generator, blur: float, n: int = 120) -> NDArray[np.float64]:
    """Bright blurred balls, of contrast 1."""
    scene = np.zeros(SHAPE)
    for _ in range(n):
        radius = rng.uniform(3, 7)
        corner = rng.integers(0, np.array(SHAPE) - 24)
        box = tuple(slice(int(c), int(c) + 24) for c in corner)
        scene[box] = np.maximum(scene[box], _ball((24, 24, 24), np.full(3, 11.5) + rng.uniform(-0.5, 0.5, 3), radius, blur))
    return scene


def _measured(scene: NDArray[np.float64], grey: NDArray[np.float64], **options: object) -> Quality:
    meter = QualityMeter(SHAPE[0], AXIS)
    for z0 in range(0, SHAPE[0], 20):
        part = slice(z0, z0 + 20)
        classes = (grey[part] > MATERIAL + CONTRAST / 2).astype(np.uint8)
        meter.look(Slab(z0, classes=classes, grey=grey[part].astype(np.float32), **options))  # type: ignore[arg-type]
    return meter.result()


@pytest.mark.parametrize(("noise", "blur", "cup"), [(0.04, 0.8, 0.0), (0.08, 1.2, 0.15)])
def test_noise_contrast_and_blur(rng: np.random.Generator, noise: float, blur: float, cup: float) -> None:
    scene = _scene(rng, blur)
    y, x = np.ogrid[: SHAPE[1], : SHAPE[2]]
    cupping = cup * ((y - AXIS[0]) ** 2 + (x - AXIS[1]) ** 2) / 100**2
    grey = MATERIAL + CONTRAST * (scene + cupping - cupping.mean() + rng.normal(0, noise, SHAPE))
    found = _measured(scene, grey)
    assert found.snr == pytest.approx(MATERIAL / (noise * CONTRAST), rel=0.06)
    assert found.contrast == pytest.approx(1 / noise, rel=0.1)
    assert found.ring_strength == pytest.approx(0, abs=0.12)
    assert found.blur == pytest.approx(blur, rel=0.25)
    assert (found.suspect, found.suspect_reason) == (False, None)
    expected = reliability.reliable_diameter(blur, noise)
    assert expected is not None
    assert found.reliable_diameter == pytest.approx(expected, rel=0.25)


def test_rings(rng: np.random.Generator) -> None:
    """Rings are found about the axis given, and don't count as noise."""
    noise = 0.05
    y, x = np.ogrid[: SHAPE[1], : SHAPE[2]]
    radius = np.rint(np.hypot(y - AXIS[0], x - AXIS[1])).astype(int)
    profile = rng.normal(0, 0.06, radius.max() + 1)
    rings = profile[radius]
    smooth = ndimage.uniform_filter1d(profile, 31)[radius]
    scene = _scene(rng, 0.8)
    found = _measured(scene, MATERIAL + CONTRAST * (scene + rings + rng.normal(0, noise, SHAPE)))
    assert found.snr == pytest.approx(MATERIAL / (noise * CONTRAST), rel=0.1)
    assert found.ring_strength == pytest.approx((rings - smooth).std() / noise, rel=0.2)
    assert found.suspect == (found.ring_strength > 1)


def test_a_scan_of_weak_contrast_is_suspect(rng: np.random.Generator) -> None:
    scene = _scene(rng, 0.6)
    found = _measured(scene, MATERIAL + CONTRAST * (scene + rng.normal(0, 0.35, SHAPE)))
    assert found.suspect
    assert found.suspect_reason is not None
    assert "is below 5 times the noise" in found.suspect_reason
    assert found.reliable_diameter is None


def test_what_cannot_be_measured_is_null(rng: np.random.Generator) -> None:
    assert QualityMeter(10).result() == Quality()
    meter = QualityMeter(10)
    meter.look(Slab(0, classes=np.zeros((10, 40, 40), np.uint8), grey=np.zeros((10, 40, 40), np.uint8)))
    found = meter.result()
    assert found.suspect
    assert "noise cannot be measured" in (found.suspect_reason or "")


@pytest.mark.parametrize(("blur", "noise"), [(0.6, 0.1), (1.0, 0.1), (1.5, 0.05)])
def test_volumes_are_as_reliable_as_said(rng: np.random.Generator, blur: float, noise: float) -> None:
    """Balls of the reliable size, cut out of noisy images midway: their volumes err by 10 %, larger ones by less."""
    size = reliability.reliable_diameter(blur, noise)
    assert size is not None
    errors = {}
    for diameter in (size, 1.5 * size):
        n = int(diameter + 8 * blur + 5)
        found = []
        for _ in range(25):
            image = _ball((n, n, n), (n - 1) / 2 + rng.uniform(-0.5, 0.5, 3), diameter / 2, blur) + rng.normal(
                0, noise, (n, n, n)
            )
            labels, _count = ndimage.label(image > 0.5)
            found.append(np.bincount(labels.ravel())[1:].max() / (np.pi / 6 * diameter**3) - 1)
        errors[diameter] = float(np.sqrt(np.mean(np.square(found))))
        assert errors[diameter] == pytest.approx(reliability.volume_error(diameter, blur, noise), rel=0.3)
    assert errors[1.5 * size] < errors[size] < 1.15 * reliability.TOLERANCE


def test_a_bad_scan_is_flagged_kept_and_can_be_left_out(tmp_path: Path, seed: int) -> None:
    options = {"shape": (48, 96, 96), "steps": 1, "features": 40, "median_voxels": 400.0, "seed": seed, "fractures": 0}
    paths = []
    for t, noise in enumerate((0.08, 0.3)):
        synth.generate(tmp_path / str(t), noise=noise, **options)
        paths.append(tmp_path / str(t) / "scan_000.h5")
    dataset = config.parse(
        {
            "sample": {"id": "S1", "voxel_size_um": 1.63},
            "segmentation": {"method": "threshold", "bright": 31_000},
            "measure": {"min_voxels": 5},
            "scan": [{"t": t, "path": str(path)} for t, path in enumerate(paths)],
        },
        origin="test",
    )
    with open_store(tmp_path / "s", create=True) as store:
        results = pipeline.ingest(store, dataset)
        assert not any("suspect" in warning for warning in results[0].warnings)
        assert any("scan t = 1 is suspect: contrast" in warning for warning in results[1].warnings)
        rows = catalogue["scan-quality"].run(store).to_pylist()
        assert [row["suspect"] for row in rows] == [False, True]
        assert rows[0]["contrast"] == pytest.approx(1 / 0.08, rel=0.2)
        assert rows[0]["snr"] == pytest.approx(24_000 / (0.08 * 14_000), rel=0.1)
        assert 3 * 1.63 < rows[0]["reliable_diameter"] < 8 * 1.63
        assert set(store.sql("SELECT t FROM features")["t"].to_pylist()) == {0, 1}
        for name in ("scan-quality", "counts-and-volume-fraction"):
            assert set(catalogue[name].run(store, quality="sound")["t"].to_pylist()) == {0}
