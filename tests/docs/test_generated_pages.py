"""Pages made from the code are up to date: `make docs` writes them."""

from __future__ import annotations

import re
from pathlib import Path

from xctgraph.analysis import query_docs
from xctgraph.ingest import config, config_docs
from xctgraph.queries import catalogue

DOCS = Path(__file__).parents[2] / "docs"


def test_the_dataset_page_is_up_to_date() -> None:
    assert (DOCS / "dataset.md").read_text(encoding="utf-8") == config_docs.render(), "run make docs"


def test_the_page_of_queries_is_up_to_date_and_every_example_has_rows() -> None:
    page = query_docs.markdown()
    assert (DOCS / "queries.md").read_text(encoding="utf-8") == page, "run make docs"
    counts = re.findall(r"^`xctgraph query ([\w-]+).*\((?:\d of )?(\d+) rows?\):$", page, re.MULTILINE)
    assert [name for name, _ in counts] == list(catalogue)
    assert all(int(n) > 0 for _, n in counts), counts


def test_the_example_of_the_dataset_page_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "dataset.toml"
    path.write_text(config_docs.EXAMPLE, encoding="utf-8")
    dataset = config.load(path)
    assert [scan.t for scan in dataset.scan] == [0, 1]
    assert dataset.scan[1].path == str(tmp_path / "slices_001")
