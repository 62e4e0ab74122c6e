"""Tables as each program exports them give the features that scikit-image measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.ingest.tables import exports
from xctgraph.ingest import tables


@pytest.mark.parametrize("program", exports.EXPORTS)
def test_an_export_gives_the_features_of_its_program(program: str, tmp_path: Path, rng: np.random.Generator) -> None:
    (volume,) = exports.scene(rng)
    found = exports.measured(volume)
    write, suffix = exports.EXPORTS[program]
    path = tmp_path / f"scan.{suffix}"
    shuffled = found.sample(frac=1.0, random_state=int(rng.integers(2**31)))
    layout = write(shuffled.reset_index(drop=True), path)
    (plan,) = tables.plan_tables(None, tables.load(exports.dataset(tmp_path, layout, exports.scans([path]))), replace=False)
    got = plan.found.to_pandas().sort_values("source_label").reset_index(drop=True)
    assert got.source_label.tolist() == found.label.tolist()
    for name in ("vz", "vy", "vx", "z", "y", "x", "volume"):
        np.testing.assert_allclose(got[name], found[name], rtol=1e-9, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(got.equivalent_diameter, np.cbrt(6 * found.volume / np.pi))
    assert set(got.kind) == {"pore"}
    order = np.lexsort([np.round(found[name], 3) for name in ("vx", "vy", "vz")])
    assert got.label.tolist() == (np.argsort(order) + 1).tolist()
    assert plan.described["time_s"] == 0
    if program in ("avizo", "dragonfly", "fiji", "morpholibj"):
        np.testing.assert_allclose(got.surface_area, found.surface)
    if program in ("avizo", "dragonfly", "fiji"):
        np.testing.assert_allclose(got.sphericity, 1 / 1.1)
    if program in ("avizo", "dragonfly", "morpholibj"):
        direction = got[["major_z", "major_y", "major_x"]].to_numpy(float)
        np.testing.assert_allclose(direction, np.tile([np.cos(np.pi / 6), 0.5, 0], (len(got), 1)), atol=1e-12)
    if program == "morpholibj":
        assert got[["axis_major_length", "axis_intermediate_length", "axis_minor_length"]].iloc[0].tolist() == [10, 8, 7]
        assert set(got.euler_number) == {1}
        assert set(got.sphericity) == {0.75}
    if program == "fiji":
        assert got.n_voxels.tolist() == found.n.tolist()
        grey = got[[f"intensity_{name}" for name in ("mean", "std", "min", "max", "median")]]
        assert grey.iloc[0].tolist() == [100.5, 2.5, 90, 110, 100]
    if program == "porespy":
        assert not {"axis_major_length", "surface_area"} & set(got.columns)
        assert got.sphericity.isna().all()
        (warning,) = plan.warnings
        assert "'surface_area', 'sphericity', 'axis_major_length' were measured in voxels, whose edges differ" in warning
    else:
        assert not plan.warnings


def test_lengths_in_voxels_count_where_voxels_are_cubes(tmp_path: Path, rng: np.random.Generator) -> None:
    found = exports.measured(exports.scene(rng)[0])
    exports.porespy(found, tmp_path / "scan.csv")
    path = exports.dataset(tmp_path, 'format = "porespy"', exports.scans([tmp_path / "scan.csv"]))
    path.write_text(path.read_text().replace(str(list(exports.SPACING)), "3.0"))
    (plan,) = tables.plan_tables(None, tables.load(path), replace=False)
    assert set(plan.found["axis_major_length"].to_pylist()) == {18.0}
    assert set(plan.found["surface_area"].to_pylist()) == {450.0}
    assert set(plan.found["sphericity"].to_pylist()) == {0.75}
    assert not plan.warnings


def test_codes_in_a_column_become_kinds_and_tables_of_one_scan_are_joined(tmp_path: Path, rng: np.random.Generator) -> None:
    (volume,) = exports.scene(rng)
    found = exports.measured(volume)
    found["phase"] = np.where(found.label % 2, "1", "2")
    found.to_csv(tmp_path / "all.csv", index=False)
    units = '[units]\nposition = "um"\nsize = "um"\n'
    path = exports.dataset(
        tmp_path,
        "",
        '[[scan]]\nt = 0\npath = "all.csv"\n',
        f'[columns]\nkind = "phase"\n{units}[kinds]\n1 = "pore"\n2 = "inclusion"',
    )
    path.write_text(path.read_text().replace('[table]\nkind = "pore"\n', "[table]\n"))
    (coded,) = tables.plan_tables(None, tables.load(path), replace=False)
    expected = {label: "pore" if label % 2 else "inclusion" for label in found.label}
    assert dict(zip(coded.found["source_label"].to_pylist(), coded.found["kind"].to_pylist(), strict=True)) == expected
    for phase, name in (("1", "pore"), ("2", "inclusion")):
        found[found.phase == phase].to_csv(tmp_path / f"{name}.csv", index=False)
    two = "".join(f'[[scan]]\nt = 0\npath = "{name}.csv"\nkind = "{name}"\n' for name in ("pore", "inclusion"))
    path = exports.dataset(tmp_path, "", two, units)
    path.write_text(path.read_text().replace('[table]\nkind = "pore"\n', "[table]\n"))
    (joined,) = tables.plan_tables(None, tables.load(path), replace=False)
    assert joined.found.equals(coded.found)


def test_one_file_with_a_column_of_scans(tmp_path: Path, rng: np.random.Generator) -> None:
    frames = [exports.measured(volume).assign(frame=t) for t, volume in enumerate(exports.scene(rng, steps=3))]
    import pandas as pd

    pd.concat(frames).to_csv(tmp_path / "all.csv", index=False)
    layout = '[table]\nkind = "pore"\npath = "all.csv"\n[columns]\nt = "frame"\n[units]\nposition = "um"\nsize = "um"'
    plans = tables.plan_tables(
        None, tables.load(exports.dataset(tmp_path, layout, "[[scan]]\nt = 1\nload_n = 5\n")), replace=False
    )
    assert [plan.t for plan in plans] == [0, 1, 2]
    assert [plan.described["load_n"] for plan in plans] == [None, 5, None]
    for plan, frame in zip(plans, frames, strict=True):
        assert sorted(plan.found["x"].to_pylist()) == pytest.approx(sorted(frame.x))
