"""Losses, scores, splits, crops, tiles and consistency against their definitions, written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from sklearn.metrics import f1_score, jaccard_score, precision_recall_fscore_support, precision_score

from xctgraph.ingest.learning import consistency, metrics
from xctgraph.ingest.learning.annotated import Example
from xctgraph.ingest.learning.batches import Batches, augmented
from xctgraph.ingest.learning.losses import loss
from xctgraph.ingest.learning.spec import Spec, from_json
from xctgraph.ingest.learning.split import _groups, split
from xctgraph.ingest.learning.tiles import Tiling, blended, tiling
from xctgraph.store.errors import InputError


def example(name: str, t: int, z: int, target: NDArray[np.uint8], *, annotated: bool = True) -> Example:
    grey = np.arange(target.size, dtype=np.float32).reshape(1, *target.shape) / target.size
    return Example(name, t, z, grey, (0.0, 1.0), target, np.full(target.shape, 255, np.uint8), annotated)


@pytest.mark.parametrize("kind", ["dice", "dice+ce", "focal"])
def test_losses(kind: str, rng: np.random.Generator) -> None:
    logits, target = rng.normal(0, 2, (2, 3, 7, 6)), rng.integers(0, 3, (2, 7, 6))
    weight = rng.uniform(0, 1, (2, 7, 6)) * (rng.random((2, 7, 6)) < 0.7)
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    dice = []
    for k in (0, 1, 2):
        truth = target == k
        dice.append((2 * (share[:, k] * truth * weight).sum() + 1) / ((share[:, k] * weight).sum() + (truth * weight).sum() + 1))
    expected = 1 - np.mean(dice)
    own = np.take_along_axis(share, target[:, None], axis=1)[:, 0]
    each = {"dice": np.zeros_like(own), "dice+ce": -np.log(own), "focal": -((1 - own) ** 2) * np.log(own)}[kind]
    expected += (each * weight).sum() / max(1, weight.sum())
    found = loss(kind, torch.tensor(logits), torch.tensor(target), torch.tensor(weight, dtype=torch.float32))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_pixels_of_no_weight_teach_nothing(rng: np.random.Generator) -> None:
    logits = torch.tensor(rng.normal(size=(1, 3, 8, 8)), requires_grad=True)
    weight = torch.ones(1, 8, 8)
    weight[:, 3:] = 0
    loss("dice+ce", logits, torch.tensor(rng.integers(0, 3, (1, 8, 8))), weight).backward()
    assert float(logits.grad[:, :, :3].abs().max()) > 0
    assert float(logits.grad[:, :, 3:].abs().max()) == 0


def test_scores_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    truth, mask = rng.integers(0, 3, (3, 40, 30)).astype(np.uint8), rng.integers(0, 3, (3, 40, 30)).astype(np.uint8)
    found = metrics.evaluate(list(truth), list(mask), ["background", "a", "b"])
    t, m = truth.ravel(), mask.ravel()
    precision, recall, f1, _ = precision_recall_fscore_support(t, m)
    iou = jaccard_score(t, m, average=None)
    for k, name in enumerate(("background", "a", "b")):
        one = found["classes"][name]
        assert [one[s] for s in ("precision", "recall", "f1", "iou")] == pytest.approx([precision[k], recall[k], f1[k], iou[k]])
        assert one["f1_interval"][0] < one["f1"] < one["f1_interval"][1]
    assert found["miou"] == pytest.approx(iou.mean())
    assert found["accuracy"] == pytest.approx((t == m).mean())
    reference = found["reference"]
    assert reference["precision"] == pytest.approx(precision_score(t, m, average="weighted"))
    assert reference["f1"] == pytest.approx(f1_score(t, m, average="weighted"))
    assert reference["accuracy"] == pytest.approx(reference["recall"])  # the reference study's table shows it


def test_a_class_that_nobody_has_does_not_count() -> None:
    truth = np.zeros((8, 8), np.uint8)
    truth[2:5, 2:5] = 1
    found = metrics.evaluate([truth], [truth], ["background", "a", "b"])
    assert found["classes"]["b"]["f1"] is None
    assert found["classes"]["a"]["objects"]["f1"] == found["miou"] == 1
    assert float(metrics.mean_f1(np.array(found["confusion"]).sum(axis=0))) == 1


@pytest.mark.parametrize("shape", [(40, 40), (12, 14, 13)])
def test_objects_are_matched_one_to_one(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    solid = ndimage.generate_binary_structure(len(shape), 1)
    for _ in range(20):
        truth = ndimage.binary_opening(rng.random(shape) < 0.2 + 0.2 * len(shape), solid)
        mask = ndimage.binary_opening(np.where(rng.random(shape) < 0.85, truth, rng.random(shape) < 0.3), solid)
        a, b = label(truth, connectivity=len(shape)), label(mask, connectivity=len(shape))
        hits, used = {}, set()
        for i, j in itertools.product(range(1, a.max() + 1), range(1, b.max() + 1)):
            if ((a == i) & (b == j)).sum() / ((a == i) | (b == j)).sum() > 0.5:
                hits[i] = j
                used.add(j)
        sizes, matched, surplus = metrics.objects(truth, mask)
        wanted = [((a == i).sum(), i in hits) for i in range(1, a.max() + 1) if (a == i).sum() >= 3]
        assert sorted(zip(sizes.tolist(), matched.astype(bool).tolist(), strict=True)) == sorted(
            (int(n), hit) for n, hit in wanted
        )
        assert sorted(surplus.tolist()) == sorted(
            int((b == j).sum()) for j in range(1, b.max() + 1) if j not in used and (b == j).sum() >= 3
        )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 12), st.booleans()), min_size=8, max_size=25, unique_by=lambda one: one[:2]
    ),
    st.integers(0, 5), st.integers(0, 2),
)  # fmt: skip
def test_no_neighbours_in_different_parts(places: list[tuple[int, int, bool]], seed: int, apart: int) -> None:
    target = np.ones((2, 2), np.uint8)
    slices = [example(f"{t}_{z}", t, z, target, annotated=kind) for t, z, kind in places]
    by = {one.name: one for one in slices}
    groups_there = len(_groups([one for one in slices if one.annotated], apart))
    if groups_there < 3:
        with pytest.raises(InputError, match="groups of annotated slices"):
            split(slices, (6, 2, 2), seed=seed, apart=apart)
        return
    parts = split(slices, (6, 2, 2), seed=seed, apart=apart)
    assert parts == split(slices, (6, 2, 2), seed=seed, apart=apart)
    groups = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    assert all(groups.values())
    assert len({*parts.train, *parts.validation, *parts.test}) == sum(map(len, groups.values()))
    assert {name for part in groups.values() for name in part} >= {one.name for one in slices if one.annotated}
    for first, second in itertools.combinations(groups.values(), 2):
        for a, b in itertools.product(first, second):
            assert apart == 0 or by[a].t != by[b].t or abs(by[a].z - by[b].z) > apart
    assert all(by[name].annotated for name in (*parts.validation, *parts.test))


def test_the_published_split() -> None:
    slices = [example(f"{z}", 0, z, np.ones((2, 2), np.uint8)) for z in range(0, 190, 2)]
    parts = split(slices)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (85, 5, 5)


def test_crops_keep_grey_class_and_weight_together(rng: np.random.Generator) -> None:
    """Grey values say where a pixel comes from: class and weight must come from there too."""
    target = rng.integers(0, 3, (50, 41)).astype(np.uint8)
    one = example("a", 0, 0, target)
    weight = rng.integers(0, 256, target.shape).astype(np.uint8)
    one = Example("a", 0, 0, one.grey, one.window, target, weight, annotated=False)
    batches = Batches([one], Spec(crop=32, batch=6, augment=False, pseudo=0.4), 3)
    for step in range(5):
        grey, classes, weights = batches.draw(step)
        at = np.rint(grey[:, 0] * target.size).astype(int)
        assert np.array_equal(classes, target.ravel()[at])
        assert np.allclose(weights, weight.ravel()[at] / 255 * 0.4)
        again = batches.draw(step)
        assert all(np.array_equal(a, b) for a, b in zip((grey, classes, weights), again, strict=True))
    assert not np.array_equal(batches.draw(0)[0], batches.draw(1)[0])


def test_a_slice_smaller_than_the_crop_is_filled_with_what_does_not_count(rng: np.random.Generator) -> None:
    one = example("a", 0, 0, np.ones((20, 40), np.uint8))
    _, _, weights = Batches([one], Spec(crop=32, batch=4, augment=False), 2).draw(0)
    assert (weights[:, 20:] == 0).all()
    assert (weights[:, :20] == 1).all()


def test_crops_aim_at_rare_classes() -> None:
    slices = [example(str(k), 0, k, np.zeros((200, 200), np.uint8)) for k in range(20)]
    slices[7].target[100, 100] = 2
    aimed = Batches(slices, Spec(crop=32, batch=8, aimed=0.5, augment=False), 3)
    share = np.mean([(aimed.draw(step)[1] == 2).any(axis=(1, 2)).mean() for step in range(40)])
    assert 0.35 < share < 0.65


def test_turned_crops_are_turned_as_one(rng: np.random.Generator) -> None:
    """A bright square keeps its class under it, whatever the turn and scale."""
    target = np.zeros((64, 64), np.uint8)
    target[20:40, 24:44] = 1
    for _ in range(30):
        grey, classes, weight = augmented(target[None].astype(np.float32), target, np.ones((64, 64), np.float32), rng)
        inside, outside = ndimage.binary_erosion(classes == 1, iterations=3), ndimage.binary_erosion(classes == 0, iterations=3)
        assert inside.any()
        assert np.median(grey[0][inside]) > np.median(grey[0][outside]) + 0.4
        assert set(np.unique(classes)) <= {0, 1}
        assert weight.shape == (64, 64)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 700), st.integers(1, 300), st.integers(64, 256), st.integers(0, 3))
def test_tiles_cover_slices_of_any_size(n_y: int, n_x: int, largest: int, halves: int) -> None:
    tiles = tiling((n_y, n_x), largest, overlap=largest // 8 * (halves > 0), batch=3)
    assert all(edge % 32 == 0 and edge < largest + 32 for edge in tiles.size)
    planes = np.random.default_rng(0).random((2, 1, n_y, n_x)).astype(np.float32)

    def run(given: NDArray[np.float32]) -> NDArray[np.float32]:
        assert given.shape == (tiles.batch, 1, *tiles.size)
        return np.concatenate([given, 1 - given], axis=1)

    found = blended(run, planes, tiles, 2)
    assert np.allclose(found[:, 0], planes[:, 0], atol=1e-5)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)


def test_the_middle_of_a_tile_counts_most() -> None:
    """Tiles that know nothing at their edges: what is blended must lean on the other tile there."""
    tiles = Tiling((64, 64), 16, 1)

    def run(given: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.ones_like(given)
        out[..., :2] = out[..., -2:] = 0
        return out

    found = blended(run, np.zeros((1, 1, 64, 112), np.float32), tiles, 1)
    assert found[0, 0, 30, 50:62].min() > 0.85


def brute_consistency(shares: NDArray[np.float32], low: float, high: float, flicker: int) -> NDArray[np.uint8]:
    n_z, n_classes, n_y, n_x = shares.shape
    first = shares.argmax(axis=1).astype(np.uint8)
    kept = first.copy()
    for z, y, x in np.ndindex(n_z, n_y, n_x):
        for k in range(1, n_classes):
            beside = [shares[u, k, y, x] >= high for u in (z - 1, z + 1) if 0 <= u < n_z]
            if first[z, y, x] == 0 and any(beside) and shares[z, k, y, x] >= low:
                kept[z, y, x] = k
    out = kept.copy()
    for z in range(1, n_z - 1):
        for k in range(1, n_classes):
            parts = label(kept[z] == k, connectivity=2)
            for part in range(1, parts.max() + 1):
                places = np.argwhere(parts == part)
                seen = any(
                    kept[u, v, w] == k
                    for y, x in places
                    for u in (z - 1, z + 1)
                    for v in range(max(0, y - 1), min(n_y, y + 2))
                    for w in range(max(0, x - 1), min(n_x, x + 2))
                )
                if len(places) <= flicker and not seen:
                    out[z][parts == part] = 0
    return out


def test_consistency_is_its_definition_however_the_volume_is_cut(rng: np.random.Generator) -> None:
    noise = ndimage.gaussian_filter(rng.normal(size=(9, 3, 18, 16)), (0.5, 0, 1, 1)).astype(np.float32)
    shares = np.exp(6 * noise + np.array([1.5, 0, 0], np.float32)[:, None, None])
    shares /= shares.sum(axis=1, keepdims=True)
    expected = brute_consistency(shares, consistency.LOW, consistency.HIGH, 6)
    assert not np.array_equal(expected, shares.argmax(axis=1))
    for height in (1, 2, 4, 9):
        blocks = []
        for z0 in range(0, 9, height):
            z1 = min(9, z0 + height)
            first, last = max(0, z0 - consistency.HALO), min(9, z1 + consistency.HALO)
            blocks.append(consistency.consistent(shares[first:last], z0 - first, last - z1, flicker=6))
        assert np.array_equal(np.concatenate(blocks), expected), height


def test_a_flat_crack_stays_and_a_flicker_goes() -> None:
    shares = np.zeros((5, 2, 30, 30), np.float32)
    shares[:, 0] = 1
    shares[2, :, 5:25, 5:25] = [[[0.1]], [[0.9]]]
    shares[2, :, 0:2, 0:2] = [[[0.1]], [[0.9]]]
    found = consistency.consistent(shares, 0, 0)
    assert found[2, 5:25, 5:25].all()
    assert not found[2, :3, :3].any()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"architecture": "unett"}, "architecture 'unett' is not known: did you mean 'unet'"),
        ({"slices": 2}, "slices = 2: an odd number"),
        ({"crop": 8}, "crop = 8: .*at least 32"),
        ({"rate": 2.0}, "rate = 2"),
        ({"encoder": "none", "architecture": "upernet"}, "'none' is the plain U-Net: upernet needs an encoder"),
        ({"encoder": "none"}, "the plain U-Net has none of other images"),
        ({"architecture": "upernet", "batch": 1}, "batch = 1 does not go with upernet"),
        ({"ratee": 1.0}, "x.toml: unknown field 'ratee': did you mean 'rate'"),
        ({"epochs": "many"}, "x.toml: epochs = 'many' is no int"),
        ({"epochs": True}, "x.toml: epochs = True is no int"),
        ({"loss": "hinge"}, "loss 'hinge' is not known"),
        ({"aimed": 1.5}, "aimed = 1.5"),
    ],
)
def test_wrong_specs(values: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        from_json(values, "x.toml")
    assert from_json(Spec(seed=3).to_json(), "x") == Spec(seed=3)
