"""Pages made from the code are up to date: `make docs` writes them."""

from __future__ import annotations

from pathlib import Path

from xctgraph.ingest import config, config_docs

DOCS = Path(__file__).parents[2] / "docs"


def test_the_dataset_page_is_up_to_date() -> None:
    assert (DOCS / "dataset.md").read_text(encoding="utf-8") == config_docs.render(), "run make docs"


def test_the_example_of_the_dataset_page_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "dataset.toml"
    path.write_text(config_docs.EXAMPLE, encoding="utf-8")
    dataset = config.load(path)
    assert [scan.t for scan in dataset.scan] == [0, 1]
    assert dataset.scan[1].path == str(tmp_path / "slices_001")
