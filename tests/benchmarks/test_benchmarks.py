"""The benchmarks run, small, and compare equal results."""

from __future__ import annotations

from benchmarks import labelling
from benchmarks.__main__ import report


def test_peers_find_the_same_components(seed: int) -> None:
    volume = labelling.scene(48, seed)
    for rows in (labelling.labelling_only(volume, 1), labelling.all_properties(volume, 1)):
        assert len({row.found for row in rows}) == 1
        assert rows[0].found > 0


def test_the_page_is_written(seed: int) -> None:
    assert "xctgraph `label` + `measure`" in report(32, 1, seed)
