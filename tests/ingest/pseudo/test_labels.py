"""Labels against the truth of the generator, what leaves them alone, parameters, calibration, the search."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.measure import label as components
from skimage.measure import regionprops

from benchmarks.pseudolabel import otsu
from tests.ingest.pseudo.conftest import Made
from tests.real_data import real_volume
from xctgraph.ingest.pseudo import calibration, label, parameters, reference, search
from xctgraph.ingest.pseudo.flatten import flatten
from xctgraph.ingest.pseudo.parameters import KINDS, METHODS, Parameters, Side
from xctgraph.ingest.pseudo.responses import compute
from xctgraph.store.errors import InputError

Slices = list[tuple[np.ndarray, np.ndarray]]


def f1(pairs: Slices, code: int) -> tuple[float, float]:
    """F1 of pixels, and of objects that overlap by more than half of their union: by hand, object by object."""
    right = total = hits = n = 0
    for truth, found in pairs:
        a, b = truth == code, found == code
        right += (a & b).sum()
        total += a.sum() + b.sum()
        parts = [components(mask, connectivity=2) for mask in (a, b)]
        ours = [part == k for part in parts for k in range(1, part.max() + 1) if (part == k).sum() >= 3]
        n += len(ours)
        for k in range(1, parts[0].max() + 1):
            one = parts[0] == k
            for other in np.setdiff1d(np.unique(parts[1][one]), 0):
                two = parts[1] == other
                if one.sum() >= 3 and (one & two).sum() > 0.5 * (one | two).sum():
                    hits += 1
    return 2 * right / total, 2 * hits / n


def test_labels_are_far_better_than_multi_otsu(made: Made, seed: int) -> None:
    default = Parameters()
    ours, usual = [], []
    for scan, z in made.slices(step=3):
        ours.append((scan.truth[z], label.pseudolabel(scan.grey[z], scan.known, default)[0]))
        usual.append((scan.truth[z], otsu(scan.grey[z], scan.material[z], default)))
    for code, pixels, objects in ((1, 0.8, 0.8), (2, 0.55, 0.55), (3, 0.55, 0.0)):
        pixel_f1, object_f1 = f1(ours, code)
        assert pixel_f1 > pixels, KINDS[code - 1]
        assert object_f1 >= objects, KINDS[code - 1]
    assert f1(ours, 1)[0] > 3 * f1(usual, 1)[0]
    assert f1(ours, 1)[1] > 3 * f1(usual, 1)[1]
    assert f1(ours, 3)[0] > f1(usual, 3)[0] + 0.2


def test_a_fracture_in_the_plane_of_the_slice_is_found(made: Made, seed: int) -> None:
    scan, z = max(((scan, z) for scan, z in made.slices(step=1)), key=lambda at: (at[0].truth[at[1]] == 3).sum())
    truth = scan.truth[z] == 3
    assert truth.sum() > 500, "wider than any window"
    found = label.pseudolabel(scan.grey[z], scan.known, Parameters())[0] == label.FRACTURE
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.85


def test_a_smooth_background_and_rings_change_little(made: Made, rng: np.random.Generator) -> None:
    scan = made.scans[0]
    height, width = scan.grey.shape[1:]
    y, x = np.ogrid[:height, :width]
    a, b, c = 5000 * rng.uniform(-1, 1, 3)
    smooth = a * np.sin(y / 60) + b * (x / width) ** 2 + c * x * y / (height * width)
    radius = np.rint(np.hypot(y - (height - 1) / 2, x - (width - 1) / 2)).astype(int)
    rings = 1000 * rng.standard_normal(radius.max() + 1)[radius]
    chosen = range(0, 48, 6)
    known = reference.make([scan.grey[z] + smooth + rings for z in chosen])
    given = Parameters()
    same = changed = 0
    for z in chosen:
        before = label.pseudolabel(scan.grey[z], scan.known, given)[0] == 1
        after = label.pseudolabel(scan.grey[z] + smooth + rings, known, given)[0] == 1
        same += (before & after).sum()
        changed += (before ^ after).sum()
    assert changed < 0.1 * same


def test_labels_do_not_depend_on_scale_and_offset(made: Made, rng: np.random.Generator) -> None:
    scan = made.scans[1]
    factor, offset = float(rng.uniform(0.01, 3)), float(rng.uniform(-1e4, 1e4))
    chosen = range(0, 48, 6)
    one, two = ([scan.grey[z] * a + b for z in chosen] for a, b in ((1.0, 0.0), (factor, offset)))
    known = [reference.make(planes) for planes in (one, two)]
    for first, second in zip(one, two, strict=True):
        a, b = (label.pseudolabel(plane, ref, Parameters())[0] for plane, ref in zip((first, second), known, strict=True))
        assert (a != b).mean() < 1e-3


def test_noise_alone_shows_nothing(rng: np.random.Generator) -> None:
    planes = [1000 + 50 * rng.standard_normal((200, 200)) for _ in range(6)]
    known = reference.make(planes)
    for method in ("hysteresis", "tail"):
        masks = [label.pseudolabel(plane, known, replace(Parameters(), method=method))[0] for plane in planes]
        assert np.mean([mask > 0 for mask in masks]) < 1e-3
    for plane in (np.full((60, 60), 7.0), np.zeros((24, 24), np.uint8)):
        for method in METHODS:
            found, sure = label.pseudolabel(plane, reference.make([plane]), replace(Parameters(), method=method))
            assert not found.any()
            assert sure.dtype == np.uint8
    nothing = np.zeros((60, 60), np.bool_)
    found, sure = label.pseudolabel(planes[0][:60, :60], reference.make([planes[0][:60, :60]]), Parameters(), material=nothing)
    assert not found.any()
    assert (sure == 255).all()


def test_a_faint_line_is_a_fracture_and_a_spot_is_none(rng: np.random.Generator) -> None:
    line = np.zeros((160, 160))
    at = np.linspace(20, 140, 600)
    line[at.astype(int), (50 + 0.4 * at).astype(int)] = 1
    known = reference.make([1000 + 50 * rng.standard_normal((160, 160)) for _ in range(5)])
    shares = {5.0: [], 0.0: []}
    for _ in range(6):
        plane = 1000 + 50 * rng.standard_normal((160, 160)) - 130 * line
        plane[110:115, 20:25] -= 300
        for ridge, found in shares.items():
            labels = label.pseudolabel(plane, known, replace(Parameters(), ridge=ridge))[0]
            found.append((labels[line > 0] == label.FRACTURE).mean())
            assert (labels[111:114, 21:24] == label.PORE).all()
    assert np.mean(shares[5.0]) > 0.4
    assert np.mean(shares[5.0]) > np.mean(shares[0.0]) + 0.1


def test_hysteresis_keeps_what_is_somewhere_certain() -> None:
    response = np.zeros((12, 30), np.float32)
    response[2:4, 2:10] = 3.5
    response[2, 5] = 6.0
    response[6:8, 2:10] = 3.5  # never certain
    response[10, 2:4] = 7.0  # too small
    nothing = np.zeros_like(response)
    found = label.objects(response, nothing, Side(low=3, share=0, high=5, spot=5, least=4))
    wanted = np.zeros(response.shape, np.bool_)
    wanted[2:4, 2:10] = True
    np.testing.assert_array_equal(found.mask, wanted)
    spots = nothing.copy()
    spots[6, 3] = 9.0
    assert label.objects(response, spots, Side(low=3, share=0, high=5, spot=5, least=4)).mask[6:8, 2:10].all()


def test_axes_of_objects_are_those_of_scikit_image(rng: np.random.Generator) -> None:
    mask = np.zeros((80, 80), np.bool_)
    mask[5:8, 5:60] = mask[20:30, 20:28] = mask[50:75, 40:42] = True
    mask[60:66, 5:11] = rng.random((6, 6)) < 0.8
    parts = components(mask, connectivity=2).astype(np.int32)
    count, length, width = label._shapes(parts, int(parts.max()))
    for one in regionprops(parts):
        assert count[one.label] == one.area
        # There a pixel is a point.
        assert length[one.label] ** 2 == pytest.approx(one.axis_major_length**2 + 16 / 12)
        assert width[one.label] ** 2 == pytest.approx(one.axis_minor_length**2 + 16 / 12)


def test_confidence_is_how_often_pixels_are_right(made: Made, seed: int) -> None:
    """Calibrated on one half of the slices, tested on the other."""
    default = Parameters()
    labelled = []
    for scan, z in made.slices(step=1):
        flat = flatten(scan.grey[z], scan.known)
        labelled.append((label.label(flat, compute(flat), default), np.where(flat.material, scan.truth[z], 255).astype(np.uint8)))
    given = replace(default, calibration=calibration.calibrate(labelled[::2]))
    sure = np.concatenate([label.confidence(one, given)[truth != 255] for one, truth in labelled[1::2]])
    right = np.concatenate([(one.classes == truth)[truth != 255] for one, truth in labelled[1::2]])
    seen = np.concatenate([one.classes[truth != 255] > 0 for one, truth in labelled[1::2]])
    for chosen, most in ((np.ones_like(seen), 0.01), (seen, 0.1)):
        tenths = np.minimum((sure[chosen] * 10).astype(int), 9)
        errors = [abs(sure[chosen][tenths == k].mean() - right[chosen][tenths == k].mean()) for k in np.unique(tenths)]
        assert np.average(errors, weights=np.bincount(tenths)[np.unique(tenths)]) < most
    for knots in given.calibration.values():
        assert [share for _, share in knots] == sorted(share for _, share in knots)


def test_the_search_mends_wrong_thresholds_and_keeps_good_ones(made: Made, rng: np.random.Generator) -> None:
    order = rng.permutation(96)
    at = [(made.scans[k // 48], k % 48) for k in order]
    examples = [search.Annotated(flatten(scan.grey[z], scan.known), scan.truth[z]) for scan, z in at[:10]]
    wrong = replace(Parameters(), bright=Side(low=12.0, share=0.0, high=15.0, spot=50.0, least=30))
    found = search.search(examples, wrong)
    assert (found.slices, found.folds) == (10, 5)
    assert found.scores is not None
    assert found.scores["inclusion"].pixel_f1 > 0.7

    def of(given: Parameters) -> float:
        pairs = [(scan.truth[z], label.pseudolabel(scan.grey[z], scan.known, given)[0]) for scan, z in at[10:40]]
        return sum(f1(pairs, 1))

    assert of(found.parameters) > max(1.4, of(wrong) + 0.3)
    assert of(search.search(examples, Parameters()).parameters) > of(Parameters()) - 0.05
    background = [search.Annotated(one.flat, np.zeros_like(one.truth)) for one in examples]
    with pytest.raises(InputError, match="10 annotated slices show nothing but background: annotate some that show inclusion"):
        search.search(background, Parameters())


def test_parameters_come_back_from_json(tmp_path: Path) -> None:
    given = replace(Parameters(), smooth=1.25, dark=Side(low=2.0), ridge=0.0)
    file = tmp_path / "pseudo.json"
    file.write_text(json.dumps({"parameters": given.as_json(), "slices": 3}))
    assert parameters.load(file) == given
    file.write_text(json.dumps({"smooth": 0.9}))
    assert parameters.load(file) == replace(Parameters(), smooth=0.9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "are no JSON"),
        ("[1]", "are no JSON object: name the pseudo.json of an earlier run"),
        ('{"smoth": 1}', "there is no parameter 'smoth': did you mean 'smooth'?"),
        ('{"bright": {"lo": 1}}', "bright: there is no parameter 'lo': did you mean 'low'?"),
        ('{"bright": 3}', "bright = 3: names and numbers are wanted"),
        ('{"dark": {"low": -1}}', "dark.low = -1: a finite number of at least 0 is wanted"),
        ('{"window": 0.5}', "window = 0.5: at least 1 pixel is wanted"),
        ('{"method": "otsu"}', "method 'otsu' is not known: Valid: hysteresis, multi-otsu, tail"),
        ('{"smooth": NaN}', "smooth = nan: a finite number"),
        ('{"calibration": {"pore": [[2, 0.5], [1, 0.6]]}}', "calibration of pore: pairs of a margin and a share of 1"),
        ('{"smooth": "abc"}', "smooth = 'abc': a finite number of at least 0 is wanted"),
        ('{"smooth": null}', "smooth = None: a finite number"),
        ('{"smooth": true}', "smooth = True: a finite number"),
        ('{"widest": 2.5}', "widest = 2.5: a whole number of at least 0 is wanted"),
        ('{"bright": {"least": "4"}}', "bright.least = '4': a whole number"),
        ('{"rings": 1}', "rings = 1: true or false is wanted"),
        ('{"method": 3}', "method 3 is not known: Valid"),
        ('{"calibration": {"pore": [[NaN, 0.5]]}}', "calibration of pore: pairs"),
        ('{"calibration": {"pore": 3}}', "not iterable"),
        ('{"calibration": {"pore": []}}', "calibration of pore: pairs"),
    ],
)
def test_wrong_parameters_are_named(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "pseudo.json"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        parameters.load(file)
    assert words in str(error.value)


def test_cement_shows_its_pores() -> None:
    volume = tifffile.imread(real_volume("cement"))
    known = reference.make([volume[z] for z in range(8, 128, 14)])
    masks = np.stack([label.pseudolabel(volume[z], known, Parameters())[0] for z in range(0, 128, 8)])
    dark = masks >= label.PORE
    grey = np.stack([volume[z] for z in range(0, 128, 8)])
    assert 0.005 < dark.mean() < 0.5
    assert grey[dark].mean() < grey[masks == 0].mean()
    if (masks == 1).any():
        assert grey[masks == 1].mean() > grey[masks == 0].mean()
