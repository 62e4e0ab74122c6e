"""Metadata out of NeXus files as beamlines write them: found with their units, filled in where nothing is declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from xctgraph.ingest import config, pipeline, volumes
from xctgraph.store import open_store, units

REAL = Path(__file__).parents[3] / "shared" / "data" / "nexus" / "k11-18014.nxs"


def _group(parent: h5py.Group, group_name: str, kind: str, /, **values: Any) -> h5py.Group:
    group = parent.create_group(group_name)
    group.attrs["NX_class"] = kind
    for key, value in values.items():
        number, unit = value if isinstance(value, tuple) else (value, None)
        group[key] = number
        if unit is not None:
            group[key].attrs["units"] = unit
    return group


def _write(path: Path, volume: np.ndarray, *, raw: str | None = None, described: bool = True) -> None:
    """A reconstruction as NXtomoproc, described as beamlines do."""
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", definition="NXtomoproc")
        _group(entry, "data", "NXdata", data=volume)
        if raw is not None:
            process = _group(entry, "reconstruction", "NXprocess")
            _group(process, "parameters", "NXparameters", raw_file=raw)
        if described:
            _describe(entry)


def _describe(entry: h5py.Group) -> None:
    _group(entry, "diamond_scan", "NXcollection", start_time="2026-05-04T10:30:00.5+01:00", end_time=b"2026-05-04T09:32:00.5Z")
    sample = _group(
        entry, "sample", "NXsample", chemical_formula="AlMg5", thickness=(0.8, "mm"), temperature=(25.0, "C"), hold="Displacement"
    )
    _group(sample, "environment", "NXenvironment", name="humid air")
    instrument = _group(entry, "instrument", "NXinstrument")
    _group(instrument, "load", "NXpositioner", value=(np.array([0.20, 0.22, 0.24]), "kN"))
    _group(instrument, "gauge_3", "NXsensor", measurement="strain", value=(1.5, "%"))
    _group(instrument, "strain_rate", "NXpositioner", value=(1e-3, "1/ms"))
    _group(instrument, "hold_time", "NXpositioner", value=(2, "minute"))
    _group(instrument, "monochromator", "NXmonochromator", temperature=(77.0, "K"))
    _group(instrument, "detector", "NXdetector", load=(3.0, "N"))


EXPECTED_SCAN = {
    "acquired_at": "2026-05-04T10:30:00.500000+01:00",
    "acquisition_s": 120.0,
    "temperature_k": 298.15,
    "hold": "displacement",
    "hold_s": 120.0,
    "load_n": 220.0,
    "strain": 0.015,
    "strain_rate": 1.0,
}
EXPECTED_SAMPLE = {"material": "AlMg5", "environment": "humid air", "thickness_um": 800.0}


@pytest.fixture
def volume() -> np.ndarray:
    mask = np.zeros((8, 12, 12), np.uint8)
    mask[2:4, 3:5, 3:5] = 1
    return mask


def test_a_described_file(tmp_path: Path, volume: np.ndarray) -> None:
    _write(tmp_path / "a.nxs", volume)
    found = volumes.metadata_apart(str(tmp_path / "a.nxs"))
    assert found.sample == pytest.approx(EXPECTED_SAMPLE)
    assert found.scan == pytest.approx(EXPECTED_SCAN)
    assert volumes.metadata_apart(f"{tmp_path / 'a.nxs'}:/entry/data/data").scan == found.scan


def test_a_reconstruction_is_described_by_its_raw_file(tmp_path: Path, volume: np.ndarray) -> None:
    _write(tmp_path / "raw.nxs", volume)
    _write(tmp_path / "recon.h5", volume, raw="/visit/far/away/raw.nxs", described=False)
    assert volumes.metadata_apart(str(tmp_path / "recon.h5")).scan == pytest.approx(EXPECTED_SCAN)
    _write(tmp_path / "lost.h5", volume, raw="/visit/far/away/lost.nxs", described=False)
    assert volumes.metadata_apart(str(tmp_path / "lost.h5")) == volumes.Metadata()


def test_values_without_a_fitting_unit_do_not_count(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        entry = _group(file, "entry", "NXentry", start_time="last Tuesday")
        _group(entry, "load", "NXpositioner", value=(3.0, "V"))
        _group(entry, "strain", "NXsensor", value=(np.nan, ""))
        _group(entry, "sample", "NXsample", thickness=1.0, temperature=(np.array([]), "K"))
    assert volumes.metadata_apart(str(tmp_path / "a.h5")) == volumes.Metadata()


def test_a_temperature_below_absolute_zero_is_told_of_and_ignored(tmp_path: Path, volume: np.ndarray) -> None:
    with h5py.File(tmp_path / "a.nxs", "w") as file:
        entry = _group(file, "entry", "NXentry")
        _group(entry, "sample", "NXsample", temperature=(-300.0, "celsius"))
    found = volumes.metadata_apart(str(tmp_path / "a.nxs"))
    assert "temperature_k" not in found.scan
    (warning,) = found.warnings
    assert "/entry/sample/temperature says a temperature of -26.85 K, which is not above 0: it is ignored" in warning
    assert "'celsius'" in warning


def test_other_formats_say_nothing(tmp_path: Path, volume: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", volume)
    assert volumes.metadata_apart(str(tmp_path / "a.npy")) == volumes.Metadata()
    assert volumes.metadata_apart(str(tmp_path)) == volumes.Metadata()


@pytest.mark.skipif(not REAL.exists(), reason="the shared data are not here")
def test_a_real_beamline_file() -> None:
    found = volumes.metadata_apart(str(REAL))
    assert found.scan == {"acquired_at": "2022-10-15T13:49:39.357000", "acquisition_s": 98.907}


def test_what_is_declared_wins_and_a_contradiction_is_told(tmp_path: Path, volume: np.ndarray) -> None:
    _write(tmp_path / "a.nxs", volume)
    dataset = config.parse(
        {
            "sample": {"id": "S1", "voxel_size_um": 1, "material": "almg5", "environment": "vacuum"},
            "segmentation": {"method": "mask"},
            "scan": [
                {"t": 0, "path": str(tmp_path / "a.nxs"), "load_n": 221, "strain": 0.02, "acquired_at": "2026-05-04T09:30:00Z"}
            ],
        },
        origin="test",
    )
    with open_store(tmp_path / "s", create=True) as store:
        (result,) = pipeline.ingest(store, dataset)
        scan = store.cypher(
            "MATCH (s:Scan) RETURN s.load_n AS load_n, s.strain AS strain, s.acquired_at AS acquired_at, s.hold AS hold, "
            "s.hold_s AS hold_s, s.temperature_k AS temperature_k, s.acquisition_s AS acquisition_s"
        ).to_pylist()[0]
        sample = store.sql("SELECT material, environment, thickness FROM samples").to_pylist()[0]
        assert pipeline.ingest(store, dataset)[0].action == "skip"
    assert scan == pytest.approx({
        "load_n": 221, "strain": 0.02, "acquired_at": "2026-05-04T09:30:00+00:00", "hold": "displacement", "hold_s": 120,
        "temperature_k": 298.15, "acquisition_s": 120,
    })  # fmt: skip
    assert sample == {"material": "almg5", "environment": "vacuum", "thickness": 800.0}
    assert len(result.warnings) == 2
    assert "scan t = 0: strain declared is 0.02, the file says 0.015: the declared one is used" in result.warnings
    assert any("environment declared is 'vacuum', the file says 'humid air'" in warning for warning in result.warnings)


def test_a_toml_time_may_be_written_without_quotes(tmp_path: Path) -> None:
    toml = tmp_path / "a.toml"
    text = '[sample]\nid = "S"\nvoxel_size_um = 1\n[[scan]]\nt = 0\npath = "a"\nacquired_at = {}\n'
    toml.write_text(text.format("2026-05-04T10:30:00+01:00"))
    assert config.load(toml).scan[0].acquired_at == "2026-05-04T10:30:00+01:00"
    toml.write_text(text.format('"yesterday"'))
    with pytest.raises(ValueError, match=r"acquired_at.*no date and time of ISO 8601.*given: 'yesterday'"):
        config.load(toml)


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (1.5, "kN", "N", 1500),
        (2, "%", "", 0.02),
        (0, "C", "K", 273.15),
        (3, "V", "N", None),
        (1, "", "N", None),
        (1, "1(", "N", None),
    ],
)
def test_units(value: float, unit: str, to: str, expected: float | None) -> None:
    assert units.convert(value, unit, to) == (None if expected is None else pytest.approx(expected))
