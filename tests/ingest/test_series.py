"""Scans that arrive against those that are stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import Done, run
from xctgraph.ingest import config, series
from xctgraph.ingest.series import Moment
from xctgraph.store import ids
from xctgraph.store.errors import InputError

STORED = {0: Moment(0.0, "2026-05-04T10:00:00+00:00", "a"), 2: Moment(60.0, "2026-05-04T11:00:00+00:00", "b")}


def test_a_scan_between_its_neighbours_is_no_doubt() -> None:
    assert series.check(STORED, {1: Moment(30.0, "2026-05-04T12:30:00+02:00", "c"), 3: Moment(None, None, "d")}) == {1: [], 3: []}
    assert series.check(STORED, {2: Moment(50.0, None, "b")}) == {2: []}, "made anew, it is not compared with itself"


@pytest.mark.parametrize(
    ("t", "time", "words"), [(1, 70, "t = 2 has time_s = 60, but t = 1 before it has 70:"), (3, 60, "in the store")]
)
def test_times_that_contradict_stored_ones_are_errors(t: int, time: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        series.check(STORED, {t: Moment(time, None, "c")})


def test_faults_of_the_store_are_not_those_of_the_scan() -> None:
    wrong = {0: Moment(9.0, None, "a"), 1: Moment(3.0, None, "b")}
    assert series.check(wrong, {4: Moment(None, None, "c")}) == {4: []}


def test_dates_and_equal_content_are_doubts() -> None:
    doubts = series.check(STORED, {1: Moment(30.0, "2026-05-04T09:59:00", "c"), 3: Moment(90.0, None, "a")})
    assert doubts[1] == [
        "scan t = 1 was acquired at 2026-05-04T09:59:00, but t = 0 before it at 2026-05-04T10:00:00+00:00: are they numbered in "
        "the order they were measured?"
    ]
    assert doubts[3] == ["scan t = 3 has the same content as t = 0: is it the same scan twice?"]


def test_the_command_compares_with_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    volume = np.full((12, 16, 20), 100, np.uint8)
    volume[4:8, 4:8, 4:8] = 200
    np.save("v.npy", volume)

    def ingest(t: int, time: float, at: str) -> Done:
        text = '[sample]\nid="S"\nvoxel_size_um=2\n[segmentation]\nmethod="threshold"\nbright=150\n'
        text += '[correspondence]\nunregistered="unlinked"\n'
        Path("d.toml").write_text(f'{text}[[scan]]\nt={t}\npath="v.npy"\ntime_s={time}\nacquired_at="{at}"\n')
        return run("ingest", "d.toml", "--store", "s")

    assert ingest(0, 20, "2026-01-02T00:00:00").code == 0
    refused = ingest(1, 5, "1999-01-01T00:00:00")
    assert refused.code == 2
    assert "scan t = 1 has time_s = 5, but t = 0 before it has 20 in the store" in " ".join(refused.stderr.split())
    told = ingest(1, 30, "1999-01-01T00:00:00")
    assert told.code == 0
    said = " ".join((told.stdout + told.stderr).split())
    assert "scan t = 1 has the same content as t = 0: is it the same scan twice?" in said
    assert "was acquired at 1999-01-01T00:00:00, but t = 0 before it at 2026-01-02T00:00:00" in said


@pytest.mark.parametrize("value", [0, -1, 1e12, float("nan"), 10**400, True, "2um", {}])
def test_a_wrong_voxel_size_is_told_once(value: object) -> None:
    with pytest.raises(InputError) as caught:
        config.parse({"sample": {"id": "S", "voxel_size_um": value}, "scan": [{"t": 0, "path": "v"}]}, origin="d.toml")
    assert str(caught.value).count("voxel_size_um") == 1
    assert "in micrometres is wanted" in str(caught.value)


@pytest.mark.parametrize("uid", ["S/0/99999999999999999999", "S/99999/1", "S/0/2147483648", f"S/{'9' * 5000}/1"])
def test_names_that_no_feature_can_have(uid: str) -> None:
    with pytest.raises(InputError, match=r"there is no feature 'S/.*: t is at most 8191 and a label at most 2147483647"):
        ids.parse_uid(uid)
