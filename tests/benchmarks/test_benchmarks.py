"""The benchmarks run, small, and compare equal results."""

from __future__ import annotations

from itertools import pairwise

from benchmarks import appending, labelling
from benchmarks.__main__ import report


def test_peers_find_the_same_components(seed: int) -> None:
    volume = labelling.scene(48, seed)
    for rows in (labelling.labelling_only(volume, 1), labelling.all_properties(volume, 1)):
        assert len({row.found for row in rows}) == 1
        assert rows[0].found > 0


def test_the_page_is_written(seed: int) -> None:
    assert "xctgraph `label` + `measure`" in report(32, 1, seed, 2, 30)


def test_appending_is_timed_and_links_what_it_appends(seed: int) -> None:
    rows = appending.run((24, 48, 48), 40, 4, seed)
    assert [row.t for row in rows] == [0, 1, 2, 3]
    assert all(later.n_edges > before.n_edges for before, later in pairwise(rows))
    assert appending.growth(rows) > 0
    assert appending.markdown(rows).count("\n") == 4
