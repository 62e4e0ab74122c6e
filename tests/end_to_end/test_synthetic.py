"""A 5-scan sample, written as NXtomoproc and as folders of slices: one truth, equal answers to every question of the library."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from tests.conformance import oracle
from xctgraph.ingest import config, pipeline, scoring, synth
from xctgraph.queries import catalogue
from xctgraph.store import Store, open_store

ROOT = Path(__file__).parents[2]
SHAPE = (96, 160, 160)


@pytest.fixture
def stores(tmp_path: Path, seed: int) -> dict[str, Store]:
    made = {}
    for form in ("h5", "tiff"):
        result = synth.generate(tmp_path / form, shape=SHAPE, steps=5, features=250, seed=seed, format=form, drift_voxels=3.0)
        made[form] = open_store(tmp_path / f"{form}.store", create=True)
        pipeline.ingest(made[form], config.load(result.dataset))
    return made


def test_the_truth_is_found_and_the_format_of_the_volumes_does_not_matter(stores: dict[str, Store], tmp_path: Path) -> None:
    truth = synth.read(tmp_path / "h5" / "truth")
    for store in stores.values():
        score = scoring.score(store.read("features"), store.read("next"), truth.components, truth.links)
        print(score.detection.recall, score.detection.precision, score.links.f1, score.events)
        assert score.detection.recall >= 0.98
        assert score.detection.precision >= 0.98
        assert score.links.f1 >= 0.99
        _links_to_look_at(store)
    answers = {name: {form: _answer(name, store) for form, store in stores.items()} for name in catalogue}
    for name, answer in answers.items():
        oracle.assert_same(answer["h5"], answer["tiff"], name)
    assert sum(answer["h5"].num_rows > 0 for answer in answers.values()) >= 9


def _links_to_look_at(store: Store) -> None:
    """The Cypher of docs/linking.md names the links of least confidence."""
    (text,) = re.findall(r"```cypher\n(.*?)```", (ROOT / "docs" / "linking.md").read_text(encoding="utf-8"), re.DOTALL)
    shown = store.cypher(text)["confidence"].to_pylist()
    given = store.sql("SELECT confidence FROM next WHERE confidence < 0.9 ORDER BY confidence LIMIT 20")["confidence"].to_pylist()
    assert shown == pytest.approx(given)
    assert store.sql("SELECT count(*) AS n FROM next WHERE confidence > 0.9")["n"][0].as_py() > 500


def _answer(name: str, store: Store) -> pa.Table:
    """Ask with the defaults, and for what has none, about the feature with most neighbours in the first scan."""
    near = store.sql("SELECT source, count(*) AS n FROM near GROUP BY source ORDER BY n DESC, source LIMIT 1")
    feature = store.sql("SELECT uid FROM features WHERE feature_id = $id", {"id": near["source"][0].as_py()})["uid"][0].as_py()
    needed = {"t": 0, "feature": feature}
    query = catalogue[name]
    return query.run(store, **{p.name: needed[p.name] for p in query.parameters if p.required})
