"""What a study needs around snapshots: stacks, event streams, alignment, splits, normalisation, a cached dataset."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests import factories
from tests.analysis import fronts
from xctgraph.analysis import snapshots
from xctgraph.store import Store, open_store
from xctgraph.store.errors import InputError

torch = pytest.importorskip("torch")

KINDS = ("inclusion", "pore", "fracture")


@pytest.fixture
def made(rng: np.random.Generator) -> factories.Graph:
    return fronts.graph(rng, n_scans=5, n_features=40)


@pytest.fixture
def store(tmp_path: Path, made: factories.Graph, rng: np.random.Generator) -> Store:
    opened = open_store(tmp_path / "xct.store", create=True)
    fronts.fill(opened, made)
    return opened


def by_id(graph: Any, relation: str, key: str = "feature_id") -> dict[tuple[int, int], list[float]]:
    found: dict[tuple[int, int], list[float]] = {}
    for a, name, b in graph.edge_types:
        if name == relation:
            edge = graph[a, name, b]
            source, target = graph[a][key][edge.edge_index[0]].tolist(), graph[b][key][edge.edge_index[1]].tolist()
            attr = edge.edge_attr.tolist() if "edge_attr" in edge else [[]] * len(source)
            event = edge.event.tolist() if "event" in edge else [None] * len(source)
            found |= {(s, t): [*v, e] for s, t, v, e in zip(source, target, attr, event, strict=True)}
    return found


def test_a_stack_is_its_snapshots_joined_by_next(store: Store, made: factories.Graph) -> None:
    span = range(1, 4)
    stack = snapshots.spatiotemporal(store, t=span, targets=True)
    single = snapshots.pyg(store, t=span, targets=True)
    assert stack.validate(raise_on_error=True)
    assert stack.scan_t.tolist() == [1, 2, 3]
    assert stack.time_s.tolist() == [60.0, 120.0, 180.0]
    for name in stack.node_types:
        for key in stack[name].keys():  # noqa: SIM118  # a NodeStorage is no mapping
            if key == "t":
                expected = torch.cat([torch.full((g[name].num_nodes,), g.t) for g in single])
            else:
                expected = torch.cat([g[name][key] for g in single])
            assert torch.equal(stack[name][key].nan_to_num(1e30), expected.nan_to_num(1e30)), (name, key)
    for relation, key in (("NEAR", "feature_id"), ("TOUCHES", "feature_id"), ("ADJACENT", "region_id")):
        together: dict[tuple[int, int], list[float]] = {}
        for graph in single:
            together |= by_id(graph, relation, key)
        assert by_id(stack, relation, key) == together
    links = made["next"][made["next"].t.isin([1, 2])]
    names = stack.edge_attr_names["NEXT"]
    assert names == ["dt", "overlap", "iou", "cost", "confidence"]
    held = by_id(stack, "NEXT")
    assert set(held) == set(zip(links.source, links.target, strict=True))
    for row in links.itertuples():
        *attr, event = held[row.source, row.target]
        assert attr == pytest.approx([float(np.float32(getattr(row, n, math.nan))) for n in names], nan_ok=True)
        assert stack.events[event] == row.event
    regions = made["next_region"][made["next_region"].t.isin([1, 2])]
    assert set(by_id(stack, "NEXT_REGION", "region_id")) == set(zip(regions.source, regions.target, strict=True))
    for a, relation, b in stack.edge_types:
        source, target = stack[a, relation, b].edge_index
        later = stack[b].t[target] - stack[a].t[source]
        assert (later == (1 if relation.startswith("NEXT") else 0)).all()


def test_a_stack_without_later_scans_does_not_know_them(store: Store) -> None:
    whole, early = snapshots.spatiotemporal(store), snapshots.spatiotemporal(store, t=slice(0, 3))
    for name in early.node_types:
        n = early[name].num_nodes
        assert torch.equal(whole[name].x[:n].nan_to_num(1e30), early[name].x.nan_to_num(1e30))
        assert (whole[name].t[n:] >= 3).all()
    assert len(by_id(early, "NEXT")) < len(by_id(whole, "NEXT"))
    assert "y" not in whole["pore"]


def test_stack_of_a_choice(store: Store, made: factories.Graph) -> None:
    features = made["features"]
    taken = features[(features.volume > 500) & (features.kind != "inclusion")].feature_id
    stack = snapshots.spatiotemporal(store, kinds=["pore", "fracture"], where="volume > 500", features=["volume"])
    links = made["next"][made["next"].source.isin(taken) & made["next"].target.isin(taken)]
    assert set(by_id(stack, "NEXT")) == set(zip(links.source, links.target, strict=True))
    assert stack.node_types == ["pore", "fracture"]
    assert stack["pore"].x.shape[1] == 1


def test_events_between_tracks(store: Store, made: factories.Graph) -> None:
    stream = snapshots.event_stream(store, t=slice(1, 5))
    features = made["features"][made["features"].t >= 1].set_index("feature_id")
    expected = []
    for code, (table, event) in enumerate(
        [("near", None), ("touches", None), ("next", "split"), ("next", "merge"), ("next", "swallowed")]
    ):
        rows = made[table][made[table].t >= 1]
        rows = rows if event is None else rows[rows.event == event]
        for row in rows.itertuples():
            ends = features.track_id[row.source], features.track_id[row.target]
            values = [
                getattr(row, name, math.nan if table == "next" and name == "confidence" else 0.0) for name in stream.msg_names
            ]
            if ends[0] != ends[1]:
                expected.append((int(row.t + (table == "next")), code, *ends, *(float(np.float32(v)) for v in values)))
    data = stream.data
    track = stream.track_id
    assert track.tolist() == sorted(set(features.track_id))
    found = zip(
        data.t.tolist(), data.event.tolist(), track[data.src].tolist(), track[data.dst].tolist(), data.msg.tolist(), strict=True
    )
    held = [(t, e, a, b, *m) for t, e, a, b, m in found]
    assert data.t.tolist() == sorted(data.t.tolist())
    pd.testing.assert_frame_equal(
        pd.DataFrame(sorted(held, key=lambda v: v[:5])), pd.DataFrame(sorted(expected, key=lambda v: v[:5])), check_dtype=False
    )


def test_rows_of_two_snapshots_are_aligned(store: Store, made: factories.Graph) -> None:
    a, b = snapshots.pyg(store, t=slice(1, 3))
    found = {
        (a[ka].feature_id[i].item(), b[kb].feature_id[j].item())
        for (ka, kb), rows in snapshots.aligned(a, b).items()
        for i, j in rows.T
    }
    features = made["features"]
    merged = features[features.t == 1].merge(features[features.t == 2], on="track_id")
    assert found == set(zip(merged.feature_id_x, merged.feature_id_y, strict=True))
    assert found


def split_of(node: Any) -> np.ndarray:
    masks = np.stack([node[f"{name}_mask"].numpy() for name in ("train", "val", "test")])
    assert (masks.sum(axis=0) <= 1).all()
    return np.where(masks.any(axis=0), masks.argmax(axis=0), -1)


def tracks(graphs: list[Any]) -> pd.DataFrame:
    """One row per feature: track, scan, position, split."""
    return pd.DataFrame(
        [
            (g.sample, g.t, k, i, s, *p)
            for g in graphs
            for k in KINDS
            for i, s, p in zip(g[k].track_id.tolist(), split_of(g[k]), g[k].pos.tolist(), strict=True)
        ],
        columns=["sample", "t", "kind", "track", "split", "z", "y", "x"],
    )


def assert_no_track_across(rows: pd.DataFrame) -> None:
    assert (rows[rows.split >= 0].groupby("track").split.agg(lambda split: len(set(split))) == 1).all()


def test_by_time_never_a_track_across(store: Store, seed: int) -> None:
    from xctgraph.analysis.snapshots import splits

    graphs = snapshots.pyg(store)
    splits.by_time(graphs, seed=seed)
    rows = tracks(graphs)
    assert_no_track_across(rows)
    period = {0: 0, 1: 0, 2: 0, 3: 1, 4: 2}
    assert (rows.split.isin([-1]) | (rows.split == rows.t.map(period))).all()
    visits = rows.groupby("track").t.agg(lambda ts: {period[t] for t in ts})
    whole = rows[rows.track.isin(visits[visits.map(len) == 1].index)]
    assert (whole.split >= 0).all()
    assert (rows.groupby("track").split.max() >= 0).all(), "every track is in a split"
    for graph in graphs:
        for name in ("front_site", "region"):
            assert set(split_of(graph[name])) == {period[graph.t]}
    again = snapshots.pyg(store)
    splits.by_time(again, seed=seed)
    pd.testing.assert_frame_equal(rows, tracks(again))


@pytest.mark.parametrize("margin", [0.0, 5.0])
def test_by_block_never_a_track_across(store: Store, seed: int, margin: float) -> None:
    from xctgraph.analysis.snapshots import splits

    graphs = snapshots.pyg(store, kinds=KINDS)
    splits.by_block(graphs, blocks=(2, 2, 2), margin=margin, seed=seed)
    rows = tracks(graphs)
    assert_no_track_across(rows)
    first = rows.sort_values("t").groupby("track").first()
    low, high = rows[["z", "y", "x"]].min().to_numpy(), rows[["z", "y", "x"]].max().to_numpy()
    middle = (low + high) / 2
    block = (first[["z", "y", "x"]].to_numpy() >= middle).astype(int) @ [4, 2, 1]
    near_a_face = (np.abs(first[["z", "y", "x"]].to_numpy() - middle) <= margin).any(axis=1)
    assert (first.split.to_numpy()[~near_a_face] >= 0).all()
    per_block = first.assign(block=block)[first.split.to_numpy() >= 0].groupby("block").split.nunique()
    assert (per_block == 1).all()
    if margin:
        position, split = first[["z", "y", "x"]].to_numpy(), first.split.to_numpy()
        away = np.abs(position[:, None] - position[None]).max(axis=2)
        differ = (split[:, None] >= 0) & (split[None] >= 0) & (split[:, None] != split[None])
        assert (away[differ] > margin).all()
    else:
        assert set(first.split) <= {0, 1, 2}


def test_by_sample(tmp_path: Path, rng: np.random.Generator) -> None:
    from xctgraph.analysis.snapshots import splits

    opened = open_store(tmp_path / "xct.store", create=True)
    for number in range(3):
        factories.fill(opened, factories.graph(rng, sample=f"S{number}", sample_no=number, n_scans=2))
    graphs = snapshots.pyg(opened)
    splits.by_sample(graphs, val=["S1"], test=["S2"])
    assert [set(split_of(g["pore"])) for g in graphs] == [{0}, {0}, {1}, {1}, {2}, {2}]
    for arguments, words in (
        ({"val": ["S9"], "test": []}, "'S9'.*Valid: S0, S1, S2"),
        ({"val": ["S1"], "test": ["S1"]}, "at once"),
    ):
        with pytest.raises(InputError, match=words):
            splits.by_sample(graphs, **arguments)
    with pytest.raises(InputError, match="2 scans of sample 'S0' are too few"):
        splits.by_time(graphs, seed=0)
    with pytest.raises(InputError, match=r"shares \(0.5, 0.2, 0.2\) must be three"):
        splits.by_block(graphs, shares=(0.5, 0.2, 0.2), seed=0)
    with pytest.raises(InputError, match="1 blocks are too few"):
        splits.by_block(graphs, blocks=(1, 1, 1), seed=0)


def test_normalisation_is_fitted_on_training_nodes_and_reversed(store: Store, tmp_path: Path, seed: int) -> None:
    from xctgraph.analysis.snapshots import splits

    graphs = snapshots.pyg(store, kinds=[*KINDS, "front_site", "region"])
    splits.by_time(graphs, seed=seed)
    before = [g["pore"].x.clone() for g in graphs]
    fitted = snapshots.Normalisation.fit(iter(graphs))
    fitted.save(tmp_path / "normalisation.json")
    held = snapshots.Normalisation.load(tmp_path / "normalisation.json")
    assert held == fitted
    made = [held.apply(g) for g in graphs]
    assert all(torch.equal(a.nan_to_num(1e30), g["pore"].x.nan_to_num(1e30)) for a, g in zip(before, graphs, strict=True))
    for kind in ("pore", "front_site"):
        raw = np.concatenate([g[kind].x[g[kind].train_mask].numpy() for g in graphs]).astype(np.float64)
        seen = ~np.isnan(raw).all(axis=0)
        off = np.abs(np.array(held.mean[kind])[seen] - np.nanmean(raw[:, seen], axis=0))
        assert (off <= 1e-9 * np.nanmax(np.abs(raw[:, seen]), axis=0)).all()
        spread = np.nanstd(raw[:, seen], axis=0)
        np.testing.assert_allclose(np.array(held.std[kind])[seen], np.where(spread > 0, spread, 1), rtol=1e-6, atol=1e-9)
        assert not np.isnan(held.mean[kind]).any()
        assert (np.array(held.std[kind]) > 0).all()
    gaps = []
    for g in graphs:
        for a, relation, b in g.edge_types:
            if relation == "NEAR":
                index = g[a, relation, b].edge_index
                kept = g[a].train_mask[index[0]] & g[b].train_mask[index[1]]
                gaps.append(g[a, relation, b].edge_attr[kept].numpy())
    np.testing.assert_allclose(held.mean["NEAR"], np.concatenate(gaps).astype(np.float64).mean(axis=0), rtol=1e-9)
    for graph, normal in zip(graphs, made, strict=True):
        back = held.invert(normal)
        for a, b in zip(graph.stores, back.stores, strict=True):
            for key in ("x", "edge_attr"):
                if key in a:
                    scale = 1 + np.nanmax(np.abs(a[key].numpy()), axis=0, initial=0)
                    np.testing.assert_array_equal(np.isnan(a[key].numpy()), np.isnan(b[key].numpy()))
                    assert np.nan_to_num(np.abs(a[key].numpy() - b[key].numpy()) / scale).max(initial=0) < 1e-5
    with pytest.raises(InputError, match=r"has the columns \['volume'\], and elsewhere"):
        held.apply(snapshots.pyg(store, features=["volume"], t=0)[0])


def test_a_constant_column_stays_finite(tmp_path: Path, made: factories.Graph, rng: np.random.Generator) -> None:
    made["features"]["sphericity"] = value = rng.uniform(0.1, 0.9)
    opened = open_store(tmp_path / "constant.store", create=True)
    fronts.fill(opened, made)
    graphs = snapshots.pyg(opened)
    fitted = snapshots.Normalisation.fit(graphs)
    column = graphs[0].x_names["inclusion"].index("sphericity")
    assert fitted.std["inclusion"][column] == 1
    assert fitted.mean["inclusion"][column] == pytest.approx(value, rel=1e-6)
    assert fitted.apply(graphs[0])["inclusion"].x[:, column].abs().max() < 1e-6


def test_dataset_is_processed_once(store: Store, tmp_path: Path, made: factories.Graph) -> None:
    from torch_geometric.loader import DataLoader

    from xctgraph.analysis.snapshots.dataset import SnapshotDataset

    root = tmp_path / "cache"
    kinds = [*KINDS, "front_site", "region"]
    data = SnapshotDataset(root, store.path, kinds=kinds, targets=True)
    assert len(data) == 5
    for graph, expected in zip(data, snapshots.pyg(store, kinds=kinds, targets=True), strict=True):
        assert torch.equal(graph["pore"].x.nan_to_num(1e30), expected["pore"].x.nan_to_num(1e30))
        assert torch.equal(graph["pore"].y.nan_to_num(1e30), expected["pore"].y.nan_to_num(1e30))
    stamps = {p: p.stat().st_mtime_ns for p in root.rglob("*") if p.is_file()}
    assert any(p.suffix == ".arrow" for p in stamps)
    SnapshotDataset(root, store.path, kinds=kinds, targets=True)
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*") if p.is_file()} == stamps
    assert SnapshotDataset(root, store.path, kinds=["pore"])[0].node_types == ["pore"]
    folder = Path(data.processed_dir)
    (folder / "ro-crate-metadata.json").unlink()
    (folder / data._files[0]).unlink()
    assert len(list(SnapshotDataset(root, store.path, kinds=kinds, targets=True))) == 5
    made["features"]["volume"] += 1.0
    fronts.fill(store, made)
    changed = SnapshotDataset(root, store.path, kinds=kinds, targets=True)
    assert changed.processed_dir != data.processed_dir
    column = changed[0].x_names["pore"].index("volume")
    assert torch.allclose(changed[0]["pore"].x[:, column], data[0]["pore"].x[:, column] + 1)
    batch = next(iter(DataLoader(changed, batch_size=5)))
    assert batch["pore"].x.shape[0] == (made["features"].kind == "pore").sum()


def test_core_imports_no_torch() -> None:
    code = "import sys; import xctgraph.analysis.snapshots; assert not {'torch', 'torch_geometric'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_several_samples_are_no_stack(tmp_path: Path, rng: np.random.Generator) -> None:
    opened = open_store(tmp_path / "xct.store", create=True)
    for number in range(2):
        factories.fill(opened, factories.graph(rng, sample=f"S{number}", sample_no=number, n_scans=1))
    for make in (snapshots.spatiotemporal, snapshots.event_stream):
        with pytest.raises(InputError, match="several samples: name one with sample=, of S0, S1"):
            make(opened)
    assert snapshots.spatiotemporal(opened, sample="S1").sample == "S1"
