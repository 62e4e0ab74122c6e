"""Links of a file in place of those searched: from label volumes, masks and tables, in any order, and what is wrong with them."""

from __future__ import annotations

import re
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tests.ingest.tables import exports
from xctgraph.ingest import config, correct, given, pipeline, removal, tables
from xctgraph.store import Store, open_store
from xctgraph.store.errors import InputError, ScanExists

COLUMNS = ["t", "label", "t_next", "label_next"]
Row = tuple[int, int, int, int]


def cubes(names: NDArray[np.int64], shift: int = 0) -> NDArray[np.int32]:
    """A volume with a cube per name along y, a voxel larger with each, so that each differs."""
    volume = np.zeros((12, 8 * len(names), 16), np.int32)
    for k, name in enumerate(names.tolist()):
        volume[3:6, 8 * k + 2 : 8 * k + 5, 3 + shift : 6 + shift + k] = name
    return volume


def links(rng: np.random.Generator, names: list[NDArray[np.int64]], pairs: list[tuple[int, int]]) -> list[Row]:
    """A random permutation between the scans of each pair, which no search would find; one feature of each has no link."""
    return [(a, int(i), b, int(j)) for a, b in pairs for i, j in zip(names[a][1:], rng.permutation(names[b])[1:], strict=True)]


def write(path: Path, rows: list[Row], confidence: NDArray[np.float64] | None = None) -> None:
    frame = pd.DataFrame(rows, columns=COLUMNS)
    if confidence is not None:
        frame["confidence"] = confidence
    frame.to_csv(path, index=False)


def dataset(folder: Path, volumes: list[NDArray[np.int32]], times: list[int] | None = None, **more: object) -> config.Dataset:
    for t, volume in enumerate(volumes):
        np.save(folder / f"{t}.npy", volume)
    return config.parse(
        {
            "sample": {"id": "S1", "voxel_size_um": 1},
            "segmentation": {"method": "labels", "kind": "pore"},
            "correspondence": {"links": str(folder / "links.csv")},
            "scan": [{"t": t, "path": str(folder / f"{t}.npy")} for t in times or range(len(volumes))],
            **more,
        },
        origin="test",
    )


def found(store: Store, name: str = "source_label") -> dict[Row, float | None]:
    """Links by scan and label of both ends, with their confidence."""
    features = store.read("features").to_pylist()
    known = {row["feature_id"]: (row["t"], row[name]) for row in features}
    return {(*known[row["source"]], *known[row["target"]]): row["confidence"] for row in store.read("next").to_pylist()}


@pytest.fixture
def names(rng: np.random.Generator) -> list[NDArray[np.int64]]:
    return [rng.choice(1000, 6, replace=False) + 1 for _ in range(3)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "s", create=True)


def test_links_of_label_volumes_are_those_of_the_file(
    store: Store, tmp_path: Path, rng: np.random.Generator, names: list[NDArray[np.int64]]
) -> None:
    rows = links(rng, names, [(0, 1), (1, 2)])
    confidence = np.where(rng.random(len(rows)) < 0.5, np.nan, rng.random(len(rows)))
    order = rng.permutation(len(rows))
    write(tmp_path / "links.csv", [rows[k] for k in order], confidence[order])
    scans = dataset(tmp_path, [cubes(one) for one in names])
    results = pipeline.ingest(store, scans)
    assert [result.n_links for result in results] == [0, 5, 5]
    expected = {row: None if np.isnan(p) else pytest.approx(p) for row, p in zip(rows, confidence, strict=True)}
    assert found(store) == expected
    assert store.read("scans")["links_given"].to_pylist() == [True] * 3
    assert [result.action for result in pipeline.ingest(store, scans)] == ["skip"] * 3
    # One link fewer from 0 to 1: only the scan it arrives at is made anew.
    write(tmp_path / "links.csv", rows[1:], confidence[1:])
    with pytest.raises(ScanExists, match=r"t = 1 .* made with other parameters \(correspondence\.links\)"):
        pipeline.ingest(store, scans)
    assert [result.action for result in pipeline.ingest(store, scans, replace=True)] == ["skip", "replace", "skip"]
    assert found(store) == {row: expected[row] for row in rows[1:]}
    # A person goes before the file.
    uid = {(row["t"], row["source_label"]): row["uid"] for row in store.read("features").to_pylist()}
    t, i, u, j = rows[1]
    correct.unlink(store, uid[t, i], uid[u, j], author="a", reason="r")
    assert found(store).keys() == set(rows[2:])
    # Without the file they are searched again.
    searched = scans.model_copy(update={"correspondence": config.Correspondence(unregistered="unlinked")})
    pipeline.ingest(store, searched, replace=True)
    assert store.read("given_links").num_rows == 0
    assert store.read("scans")["links_given"].to_pylist() == [False] * 3


def test_the_rows_do_not_depend_on_the_order_of_the_scans(
    tmp_path: Path, rng: np.random.Generator, names: list[NDArray[np.int64]]
) -> None:
    rows = links(rng, names, [(0, 1), (1, 2), (0, 2)])
    write(tmp_path / "links.csv", rows)
    scans = dataset(tmp_path, [cubes(one) for one in names])
    stored = []
    orders = list(permutations(range(3)))
    for order in [orders[0], *(orders[k] for k in rng.choice(np.arange(1, 6), 2, replace=False))]:
        with open_store(tmp_path / "".join(map(str, order)), create=True) as store:
            for t in order:
                # The whole file belongs to the dataset, of which some scans have arrived.
                held = [*sorted(store.manifest().scans("S1")), t]
                some = scans.model_copy(update={"scan": [scans.scan[u] for u in sorted(held)]})
                here = [row for row in rows if {row[0], row[2]} <= set(held)]
                write(tmp_path / "links.csv", here)
                pipeline.ingest(store, some, replace=True)
            stored.append(found(store))
            assert stored[-1].keys() == {row for row in rows if row[2] - row[0] == 1}
            removal.drop_scan(store, "S1", 1)
            assert found(store).keys() == {row for row in rows if row[2] - row[0] == 2}, "links over a scan wait for it to go"
    assert stored[0] == stored[1] == stored[2]


def test_masks_have_the_labels_of_their_features(
    store: Store, tmp_path: Path, rng: np.random.Generator, names: list[NDArray[np.int64]]
) -> None:
    masks = [(cubes(one) > 0).astype(np.int32) for one in names]
    rows = links(rng, [np.arange(1, 7)] * 3, [(0, 1), (1, 2)])
    write(tmp_path / "links.csv", rows)
    pipeline.ingest(store, dataset(tmp_path, masks, segmentation={"method": "mask", "kinds": {1: "pore"}}))
    assert found(store, "label").keys() == set(rows)


def test_links_of_tables_are_those_of_the_file(store: Store, tmp_path: Path, rng: np.random.Generator) -> None:
    paths, names = [], []
    for t, volume in enumerate(exports.scene(rng, steps=2)):
        paths.append(tmp_path / f"scan_{t}.csv")
        table = exports.measured(volume)[["label", "z", "y", "x", "volume"]]
        # Beyond what a float holds.
        table["label"] += 2**60
        names.append(table["label"].to_numpy(np.int64))
        table.to_csv(paths[-1], index=False)
    rows = links(rng, names, [(0, 1)])
    write(tmp_path / "links.csv", rows)
    extra = '[units]\nposition = "um"\nsize = "um"\n[correspondence]\nlinks = "links.csv"\n'
    described = tables.load(exports.dataset(tmp_path, "", exports.scans(paths), extra))
    tables.ingest(store, described)
    assert found(store).keys() == set(rows)
    assert [result.action for result in tables.ingest(store, described)] == ["skip", "skip"]
    write(tmp_path / "links.csv", [*rows, (0, 5, 1, int(names[1][0]))])
    with pytest.raises(InputError, match=r"names 1 label that scan t = 0 does not have: 5 \(row 15\); it has 14 features"):
        tables.plan_tables(None, described, replace=False)
    write(tmp_path / "links.csv", rows[1:])
    assert [result.action for result in tables.ingest(store, described, replace=True)] == ["skip", "replace"]
    assert found(store).keys() == set(rows[1:])


def test_labels_of_other_scans_are_doubted_and_store_no_displacement(
    store: Store, tmp_path: Path, rng: np.random.Generator
) -> None:
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    volume = np.zeros((40, 40, 40), np.int32)
    for k, (z, y, x) in enumerate((10 * grid + 4 + rng.integers(-1, 2, grid.shape)).tolist()):
        volume[z : z + 2, y : y + 2, x : x + 2] = k + 1
    scans = dataset(tmp_path, [volume, np.roll(volume, 1, axis=2)])
    for second, doubted in ((np.arange(64), False), (rng.permutation(64), True)):
        write(tmp_path / "links.csv", [(0, k + 1, 1, int(j) + 1) for k, j in enumerate(second)])
        warnings = "".join(pipeline.ingest(store, scans, replace=True)[1].warnings)
        assert ("check that their labels are those of these scans" in warnings) == doubted
        assert (store.read("fields").num_rows == 0) == doubted
        assert store.read("next").num_rows == 64


def test_what_takes_no_effect_is_told(store: Store, tmp_path: Path, names: list[NDArray[np.int64]]) -> None:
    write(tmp_path / "links.csv", [(0, int(names[0][0]), 2, int(names[2][0])), (0, int(names[0][0]), 1, int(names[1][0]))])
    results = pipeline.ingest(store, dataset(tmp_path, [cubes(one) for one in names]))
    told = " ".join(results[0].warnings)
    assert "1 of 2 links do not join a scan and the next one: they take no effect" in told
    assert "has no link from t = 1 to t = 2: none is made between them" in told
    assert store.read("next").num_rows == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t,label,t_next\n0,1,1\n", r"no line with the headings .*'label_next'.*A file of links names its columns so"),
        ("t,label,t_next,label_next\n0,1,1,x\n", r"row 2: x in the column 'label_next' is no whole number"),
        ("t,label,t_next,label_next\n0,1,1,\n", r"row 2: an empty cell in the column 'label_next'"),
        ("t,label,t_next,label_next\n0,1,7,1\n0,1,8,1\n", r"rows 2, 3: t_next = 7 is no scan of the dataset, which has t = 0, 1"),
        ("t,label,t_next,label_next\n1,1,0,1\n", r"row 2: t_next = 0 is not after t = 1: exchange the ends"),
        ("t,label,t_next,label_next\n0,1,1,1\n0,2,1,2\n0,1,1,1\n", r"from 1 in t = 0 to 1 .* given twice, in the rows 2 and 4"),
        ("t,label,t_next,label_next,confidence\n0,1,1,1,90\n", r"row 2: the confidence 90 is not from 0 to 1"),
        ("t,label,t_next,label_next,confidence\n0,1,1,1,sure\n", r"row 2: 'sure' in the column 'confidence' is not a number"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        given.read(str(tmp_path / "links.csv"), {0, 1})


def test_a_parquet_file_without_a_column_is_named(tmp_path: Path) -> None:
    pd.DataFrame([(0, 1, 1)], columns=["t", "label", "t_nxt"]).to_parquet(tmp_path / "links.parquet")
    with pytest.raises(
        InputError, match=r"no column 't_next' \(a file of links has t, label, t_next, label_next\); did you mean 't_nxt'"
    ):
        given.read(str(tmp_path / "links.parquet"), {0, 1})


def test_unknown_labels_are_counted_and_named_and_the_scan_is_not_stored(
    store: Store, tmp_path: Path, names: list[NDArray[np.int64]]
) -> None:
    wrong = [(0, int(names[0][k % 6]), 1, 2000 + k) for k in range(13)]
    write(tmp_path / "links.csv", wrong)
    words = r"names 13 labels that scan t = 1 does not have: 2000, 2001, .*2009 and 3 others \(rows 2, .*\); it has 6 features"
    with pytest.raises(InputError, match=words):
        pipeline.ingest(store, dataset(tmp_path, [cubes(one) for one in names[:2]]))
    assert sorted(store.manifest().scans("S1")) == [0]


def test_scans_to_come_and_links_of_a_geff_go_with_no_file(tmp_path: Path) -> None:
    text = '[sample]\nid = "S1"\nvoxel_size_um = 1\n[correspondence]\nlinks = "links.csv"\n'
    (tmp_path / "d.toml").write_text(text)
    with pytest.raises(InputError, match="--watch waits for scans: leave out one of the two"):
        config.load(tmp_path / "d.toml", watched=True)
    (tmp_path / "d.toml").write_text(text + '[[scan]]\nt = 0\npath = "a.npy"\n')
    assert config.load(tmp_path / "d.toml").correspondence.links == str(tmp_path / "links.csv")
    layout = '[table]\nformat = "geff"\nkind = "pore"\npath = "tracks.geff"'
    with pytest.raises(InputError, match="a GEFF holds the links itself"):
        tables.load(exports.dataset(tmp_path, layout, "", '[correspondence]\nlinks = "links.csv"\n'))


def test_the_blocks_of_the_page_run_as_written(store: Store, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "linking.md").read_text(encoding="utf-8")
    blocks = {name: re.search(rf"<!-- test: {name} -->\n```\w+\n(.*?)```", page, re.DOTALL) for name in ("given", "links")}
    toml, csv = (block[1] for block in blocks.values() if block is not None)
    (tmp_path / "links.csv").write_text(csv, encoding="utf-8")
    for t, labels in enumerate(([17], [4, 9], [4])):
        np.save(tmp_path / f"{t}.npy", cubes(np.array(labels + [0] * (2 - len(labels)))))
    scans = "".join(f'[[scan]]\nt = {t}\npath = "{t}.npy"\n' for t in range(3))
    segmentation = '[segmentation]\nmethod = "labels"\nkind = "pore"\n'
    (tmp_path / "dataset.toml").write_text(f'[sample]\nid = "S1"\nvoxel_size_um = 1\n{segmentation}{toml}{scans}')
    pipeline.ingest(store, config.load(tmp_path / "dataset.toml"))
    assert found(store) == {(0, 17, 1, 4): 0.98, (0, 17, 1, 9): 0.71, (1, 4, 2, 4): None}
    assert store.read("next").sort_by("source")["event"].to_pylist() == ["split", "split", "continue"]
