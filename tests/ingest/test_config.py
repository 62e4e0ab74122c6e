"""The models of DATASET.toml: defaults, and errors that name the field, what is valid and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from xctgraph.ingest import config
from xctgraph.store.errors import InputError

SAMPLE = {"id": "S1", "voxel_size_um": 1.63}
SCANS = [{"t": 0, "path": "a.h5"}]


def parse(**changes: object) -> config.Dataset:
    return config.parse({"sample": SAMPLE, "scan": SCANS, **changes}, origin="x.toml")


def test_one_voxel_size_stands_for_three_axes() -> None:
    assert parse().sample.voxel_size_um == (1.63, 1.63, 1.63)
    assert parse(sample={"id": "S1", "voxel_size_um": [3, 2, 1]}).sample.voxel_size_um == (3, 2, 1)


def test_lengths_not_given_follow_the_voxel_size() -> None:
    dataset = parse(sample={"id": "S1", "voxel_size_um": [1, 2, 4]})
    assert (dataset.gap_um, dataset.cluster_gap_um, dataset.density_radius_um) == (64, 64 / 3, 128)


def test_noise_is_dropped_only_where_thresholds_were_found() -> None:
    assert parse().min_voxels == 5
    assert parse(segmentation={"method": "threshold", "bright": 100}).min_voxels == 1
    assert parse(measure={"min_voxels": 3}).min_voxels == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sample": {"id": "S1"}}, r"'sample.voxel_size_um' is missing \(there is no default"),
        ({"sample": {"id": "S1", "voxel_size_um": 0}}, r"voxel_size_um': a length in micrometres is wanted, from 1e-06"),
        ({"sample": {"id": "S1", "voxel_size_um": [1, 2]}}, "voxel_size_um"),
        ({"sample": {"id": "S 1", "voxel_size_um": 1}}, "sample.id.*'S 1'"),
        ({"sample": {**SAMPLE, "materal": "Al"}}, "unknown field 'sample.materal': did you mean 'material'"),
        ({"sample": {**SAMPLE, "axes": "xyt"}}, "sample.axes.*'xyt'"),
        ({"scans": []}, "unknown field 'scans': did you mean 'scan'"),
        ({"scan": []}, "'scan': List should have at least 1 item"),
        ({"scan": [{"t": 0, "path": "a"}, {"t": 0, "path": "b"}]}, "t = 0 is given twice, for 'a' and 'b'"),
        ({"scan": [{"t": -1, "path": "a"}]}, "scan.0.t.*greater than or equal to 0"),
        ({"scan": [{"t": 0, "path": "a", "labels": "b"}]}, "has `labels`, but the segmentation method is 'otsu'"),
        ({"segmentation": {"method": "unet"}}, "'otsu', 'threshold', 'mask', 'labels' or 'model'"),
        ({"segmentation": {"method": "threshold"}}, "needs `bright`, `dark` or both"),
        ({"segmentation": {"bright": 3}}, "belong to method 'threshold', not to 'otsu'"),
        (
            {"segmentation": {"method": "threshold", "bright": 3, "dark": 4}},
            r"`dark` \(4.0\) must be smaller than `bright` \(3.0\)",
        ),
        ({"measure": {"connectivity": 8}}, "6, 18 or 26"),
        (
            {"proximity": {"gap_um": 1e300}},
            r"'proximity.gap_um': a length in micrometres is wanted, from 1e-06 to 1e\+09",
        ),
        ({"proximity": {"density_radius_um": 1e-300}}, r"density_radius_um': a length in micrometres is wanted"),
        ({"sample": {"id": "S1", "voxel_size_um": 1e-300}}, r"voxel_size_um': a length in micrometres is wanted"),
        ({"scan": [{"t": True, "path": "a"}]}, r"'scan.0.t': Input should be a valid integer \(given: True\)"),
        ({"scan": [{"t": "0", "path": "a"}]}, r"'scan.0.t': Input should be a valid integer \(given: '0'\)"),
        ({"scan": [{"t": 0, "path": ""}]}, "'scan.0.path': name a file or folder"),
        ({"scan": [{"t": 10**400, "path": "a"}]}, r"\(given: about 2\^1329\)"),
        ({"segmentation": {"method": "x" * 5000}}, r"\(given: 'x{199}…\)"),
    ],
)
def test_wrong_fields_are_named(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse(**changes)


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(InputError, match=r"(?s)voxel_size_um.*connectivity"):
        parse(sample={"id": "S1"}, measure={"connectivity": 7})


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "d.toml"
    path.write_text('[sample]\nid="S"\nvoxel_size_um=1\n[[scan]]\nt=0\npath="a.h5:/x"\nmask="/m.npy"\n')
    scan = config.load(path).scan[0]
    assert (scan.path, scan.mask) == (str(tmp_path / "a.h5:/x"), "/m.npy")


@pytest.mark.parametrize(("text", "words"), [(b"[sample", "is not valid TOML"), (b"\xff\xfe", "cannot read")])
def test_files_that_are_not_toml(tmp_path: Path, text: bytes, words: str) -> None:
    path = tmp_path / "d.toml"
    path.write_bytes(text)
    with pytest.raises(InputError, match=words):
        config.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no .*nothing\.toml: name a DATASET\.toml"):
        config.load(tmp_path / "nothing.toml")


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """Windows' editors write one."""
    (tmp_path / "d.toml").write_text(
        '[sample]\nid = "S1"\nvoxel_size_um = 2\n[[scan]]\nt = 0\npath = "v.npy"\n', encoding="utf-8-sig"
    )
    assert config.load(tmp_path / "d.toml").sample.id == "S1"
