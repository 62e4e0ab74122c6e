"""Which entries of a folder are scans, in which order, and which t each gets: also after restarts, repairs and late comers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xctgraph.ingest.watch.places import assign, scans_in


def test_only_finished_names_of_known_formats_are_scans_in_natural_order(tmp_path: Path) -> None:
    for name in (
        "scan_10.h5",
        "scan_2.h5",
        "scan_3.nxs.part",
        ".scan_4.h5",
        "scan_5.h5.tmp",
        "log.txt",
        "scan_2.h5.done",
        "b.tif",
    ):
        (tmp_path / name).write_bytes(b"x")
    for folder, inner in (("scan_1", "slice_0.tif"), ("notes", "a.txt"), ("scan_11.zarr", "zarr.json"), ("scan_12.tmp", "s.tif")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / inner).write_bytes(b"x")
    assert [p.name for p in scans_in(tmp_path, "*")] == ["b.tif", "scan_1", "scan_2.h5", "scan_10.h5", "scan_11.zarr"]
    assert [p.name for p in scans_in(tmp_path, "scan_*.h5")] == ["scan_2.h5", "scan_10.h5"]
    assert [str(p.relative_to(tmp_path)) for p in scans_in(tmp_path, "*/slice_*.tif")] == ["scan_1/slice_0.tif"]


def test_a_late_comer_has_no_place() -> None:
    assert assign(["a", "b", "c", "d"], {"a": 0, "c": 1}, 0) == {"a": 0, "b": None, "c": 1, "d": 2}


def test_a_bad_scan_keeps_its_place_free() -> None:
    assert assign(["a", "bad", "c", "d"], {"a": 4, "c": 6}, 0) == {"a": 4, "bad": 5, "c": 6, "d": 7}


@given(st.integers(1, 30), st.integers(0, 50), st.integers(0, 2**31), st.data())
def test_restarts_change_no_place(n: int, first: int, seed: int, data: st.DataObject) -> None:
    """Scans that come in order get consecutive t, whichever of them could be read and whenever the watch was started anew."""
    names = [f"scan_{k}" for k in range(n)]
    readable = np.random.default_rng(seed).random(n) < 0.7
    known: dict[str, int] = {}
    seen = 0
    while seen < n:
        seen += data.draw(st.integers(1, n - seen))
        places = assign(names[:seen], known, first)
        assert places == {name: first + k for k, name in enumerate(names[:seen])}
        known |= {name: first + k for k, name in enumerate(names[:seen]) if readable[k]}
