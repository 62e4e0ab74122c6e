"""Values of a table that contradict the sample or one another; ids of any size; the edge of the volume."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xctgraph.ingest import tables
from xctgraph.store.errors import InputError

SPACING, SHAPE = (2.0, 1.5, 1.0), (40, 60, 50)
UM = '[units]\nposition = "um"\nsize = "um"\n'


def _plan(folder: Path, csv: str, units: str = UM, layout: str = "", spacing: object = list(SPACING)) -> tables.TablePlan:
    (folder / "scan.csv").write_text(csv)
    (folder / "d.toml").write_text(
        f'[sample]\nid = "S1"\nvoxel_size_um = {spacing}\nshape = {list(SHAPE)}\n[table]\nkind = "pore"\n{layout}\n{units}'
        '[[scan]]\nt = 0\npath = "scan.csv"\n'
    )
    (plan,) = tables.plan_tables(None, tables.load(folder / "d.toml"), replace=False)
    return plan


GOOD = {
    "radius": 4, "n_voxels": 100, "sphericity": 0.9, "confidence": 0.5, "surface_area": 240, "equivalent_diameter": 8.306,
    "euler_number": 1, "border_touching": 0, "axis_minor_length": 7, "axis_major_length": 9,
}  # fmt: skip


def _one(**values: object) -> str:
    """A good feature, and a second one in row 3 of the file that differs from it in `values`."""
    good: dict[str, object] = {"label": 1, "z": 10, "y": 20, "x": 30}
    good |= {} if "radius" in values else {"volume": 300}
    good |= {name: GOOD.get(name, 100) for name in values if name not in good}
    return pd.DataFrame([good, good | {"label": 2} | values]).to_csv(index=False)


WRONG: list[tuple[dict[str, object], str]] = [
    (
        {"volume": 1e30},
        r"row 3: 1e\+30 in the column 'volume' is .* 1e\+30 um\^3, but the sample has 360000 um\^3 \(1 of 2",
    ),
    ({"n_voxels": 1}, r"row 3: 1 in the column 'n_voxels' is a volume of 3 um\^3, but 300 in the column 'volume' is 300 um\^3"),
    ({"n_voxels": 0}, r"row 3: 0 in the column 'n_voxels' is a volume of 0 um\^3"),
    ({"equivalent_diameter": 500}, r"row 3: 500.* in the column 'equivalent_diameter' is a volume of .*check their units"),
    ({"sphericity": 7}, r"row 3: 7 in the column 'sphericity' is no sphericity: it lies between 0 and 1"),
    ({"sphericity": -0.1}, r"row 3: -0.1 in the column 'sphericity' is no sphericity"),
    ({"confidence": 5}, r"row 3: 5 in the column 'confidence' is no confidence: .* divide percentages by 100"),
    ({"surface_area": -1}, r"row 3: -1 in the column 'surface_area' is no area"),
    (
        {"intensity_min": 101, "intensity_max": 99},
        r"row 3: 101 in .*\(intensity_min\) is larger than 99 .*'intensity_max'",
    ),
    ({"intensity_q25": 101, "intensity_median": 99}, r"row 3: 101 in the column 'intensity_q25' .* is larger than 99"),
    ({"intensity_mean": 200, "intensity_max": 100}, r"'intensity_mean' .* is larger than 100 in the column 'intensity_max'"),
    ({"axis_minor_length": 9, "axis_major_length": 8}, r"'axis_minor_length' .* is larger than 8"),
    ({"label": "99999999999999999999"}, r"row 3: 99999999999999999999 in the column 'label' is beyond the whole numbers of 64"),
    ({"label": "9.5e18"}, r"row 3: 9.5e18 in the column 'label' is no whole number"),
    ({"euler_number": 100_000_000_000}, r"row 3: 100000000000 in the column 'euler_number' is too large"),
    ({"border_touching": "perhaps"}, r"row 3: 'perhaps' in .* is not a number \(nor one of yes, true, no, false\)"),
    ({"z": -2.1}, r"row 3: the centroid lies at voxel \(-1.05, 20, 30\) .* outside the volume".replace("20", r"13.3\d+")),
]


@pytest.mark.parametrize(("values", "words"), WRONG, ids=[str(values) for values, _ in WRONG])
def test_what_must_be_wrong_is_named(values: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        _plan(tmp_path, _one(**values))


def test_a_wrong_unit_of_size_is_named(tmp_path: Path) -> None:
    words = r"row 2: 4 in the column 'radius' is a volume of 2.68\d+e\+11 um\^3, .* \(2 of 2 .*check \[units\] size"
    with pytest.raises(InputError, match=words):
        _plan(tmp_path, _one(radius=3), UM.replace('size = "um"', 'size = "mm"'))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"n_voxels": 80}, r"row 3: 80 in the column 'n_voxels' is .* 240 um\^3, but 300 .* \(1 of 2 .*the latter is used"),
        ({"equivalent_diameter": 9}, r"row 3: 9.* in the column 'equivalent_diameter' is a volume of 381.704 um\^3, but 300"),
        ({"sphericity": 1.4, "volume": 400}, r"row 3: 1.4 in the column 'sphericity' is above 1, that of a sphere \(1 of 2"),
        ({"volume": 359_900}, r"the features take 360200 um\^3 together, but the sample has 360000 um\^3: check \[units\] size"),
    ],
)  # fmt: skip
def test_what_may_be_another_measure_is_told_and_kept(values: dict[str, float], words: str, tmp_path: Path) -> None:

    plan = _plan(tmp_path, _one(**values))
    assert any(re.search(words, warning) for warning in plan.warnings), plan.warnings
    kept = plan.found.to_pandas().set_index("source_label").loc[2]
    for name, value in values.items():
        if name != "equivalent_diameter":
            assert kept[name] == value


def test_good_values_are_not_told_of(tmp_path: Path) -> None:
    good = {
        "n_voxels": 100,
        "sphericity": 1.0,
        "confidence": 1,
        "surface_area": 217,
        "equivalent_diameter": 8.3,
        "euler_number": 1,
    }
    grey = {"intensity_min": 100, "intensity_median": 100, "intensity_mean": 100, "intensity_max": 100}
    assert _plan(tmp_path, _one(**good, **grey)).warnings == ()


def test_ids_keep_each_digit(tmp_path: Path, rng: np.random.Generator) -> None:
    ids = sorted({int(i) for i in rng.integers(2**53, 2**63 - 1, 40)} | {2**53, 2**53 + 1, 2**63 - 1, -(2**63)})
    frame = pd.DataFrame({"label": ids, "volume": 4, "z": 10, "y": 20, "x": np.linspace(1, 40, len(ids))})
    assert sorted(_plan(tmp_path, frame.to_csv(index=False)).found["source_label"].to_pylist()) == ids
    frame.to_parquet(tmp_path / "scan.parquet")
    text = (tmp_path / "d.toml").read_text().replace("scan.csv", "scan.parquet")
    (tmp_path / "d.toml").write_text(text)
    (plan,) = tables.plan_tables(None, tables.load(tmp_path / "d.toml"), replace=False)
    assert sorted(plan.found["source_label"].to_pylist()) == ids


@pytest.mark.parametrize("axis", range(3))
def test_the_volume_ends_half_a_voxel_beyond_the_outer_centres(axis: int, tmp_path: Path) -> None:
    for edge, outward in ((-0.5, -1), (SHAPE[axis] - 0.5, 1)):
        for step, allowed in ((-1e-3, True), (0, True), (1e-3, False), (0.5, False)):
            position = {"z": 10.0, "y": 20.0, "x": 30.0}
            position["zyx"[axis]] = (edge + outward * step) * SPACING[axis]
            if allowed:
                assert len(_plan(tmp_path, _one(**position)).found) == 2
            else:
                with pytest.raises(InputError, match="outside the volume"):
                    _plan(tmp_path, _one(**position))


def test_a_fiji_table_whose_slices_start_at_0(tmp_path: Path) -> None:
    csv = "\tVolume (micron^3)\tX\tY\tZ\n1\t300\t30\t20\t0\n2\t300\t10\t20\t9\n"
    with pytest.raises(InputError, match=r"\(-1, 20, 30\) .*whether slices are counted from 0"):
        _plan(tmp_path, csv, "", 'format = "fiji"')


@pytest.mark.parametrize(
    ("text", "value"), [("yes", True), ("No", False), ("TRUE", True), ("false", False), ("1", True), ("0", False)]
)
def test_flags_may_be_words(text: str, value: bool, tmp_path: Path) -> None:
    plan = _plan(tmp_path, _one(border_touching=text))
    assert plan.found.to_pandas().set_index("source_label").border_touching[2] == value
