"""`xctgraph pseudolabel` on a job and on a dataset; bad input."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.cli import command
from tests.ingest.pseudo.conftest import SHAPE, Made, annotate
from xctgraph.ingest.learning import annotated as learned
from xctgraph.ingest.sampling import job
from xctgraph.store import open_store

Labelling = tuple[Path, dict[str, np.ndarray]]


def refused(*arguments: object) -> str:
    answer = command.run("pseudolabel", *map(str, arguments))
    assert answer.code == 2, answer
    return " ".join(answer.stderr.split())


def test_a_job_is_labelled_and_trains(labelling: Labelling, tmp_path: Path) -> None:
    folder, truth = labelling
    answer = command.run("pseudolabel", str(folder))
    assert answer.code == 0, answer
    assert "no annotated slices: parameters as given, or defaults" in answer.stdout
    assert f"10 slices labelled: {folder / 'pseudo'}" in answer.stdout
    right = total = 0
    for name, wanted in truth.items():
        with (
            Image.open(folder / "pseudo/masks" / f"{name}.png") as mask,
            Image.open(folder / "pseudo/confidence" / f"{name}.png") as c,
        ):
            found, sure = np.asarray(mask), np.asarray(c)
        assert found.shape == sure.shape == wanted.shape
        right += ((found == 1) & (wanted == 1)).sum()
        total += (found == 1).sum() + (wanted == 1).sum()
        assert sure[found == wanted].mean() > sure[found != wanted].mean()
    assert 2 * right / total > 0.75
    page = (folder / "pseudo/overlays.html").read_text()
    assert page.count("<img") == 30
    assert "data:image/png;base64," in page
    assert not re.search(r"(src|href)=\"(?!data:)", page), "it asks for nothing"
    assert "fracture_pixels" in page
    # Training takes them for slices without annotation.
    assert {one.name for one in learned.load(folder, pseudo=folder / "pseudo").examples} == set(truth)


def test_annotated_slices_are_searched(labelling: Labelling, tmp_path: Path) -> None:
    folder, truth = labelling
    names = sorted(truth)
    annotate(folder, {name: truth[name] for name in names[:6]})
    answer = command.run("pseudolabel", str(folder), "--json")
    assert answer.code == 0, answer
    said = json.loads(answer.stdout)
    assert (said["search"]["slices"], said["search"]["folds"], said["slices"]) == (6, 5, 10)
    assert said["search"]["scores"]["inclusion"]["pixel_f1"] > 0.6
    assert said == {**json.loads((folder / "pseudo/pseudo.json").read_text()), "out": said["out"], "overlays": said["overlays"]}
    # The same parameters again, from the file; and from masks that lie elsewhere.
    before = (folder / "pseudo/masks" / f"{names[0]}.png").read_bytes()
    answer = command.run("pseudolabel", str(folder), "--parameters", str(folder / "pseudo/pseudo.json"))
    assert answer.code == 0, answer
    assert (folder / "pseudo/masks" / f"{names[0]}.png").read_bytes() == before
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in names[:6]:
        tifffile.imwrite(elsewhere / f"{name}-labels.tif", truth[name])
    again = command.run("pseudolabel", str(folder), "--annotated", str(elsewhere), "--json")
    assert json.loads(again.stdout)["parameters"] == said["parameters"]


def test_a_dataset_is_labelled_and_ingested(made: Made, labelling: Labelling, tmp_path: Path) -> None:
    folder, truth = labelling
    annotate(folder, dict(list(truth.items())[:5]))
    out = tmp_path / "out"
    answer = command.run("pseudolabel", str(made.dataset), "--out", str(out), "--annotated", str(folder))
    assert answer.code == 0, answer
    assert "parameters sought on 5 annotated slices, 5-fold cross-validation:" in answer.stdout
    assert f"next: xctgraph ingest {out / 'dataset.toml'}" in answer.stdout
    for t, scan in enumerate(made.scans):
        classes, sure = (tifffile.imread(out / f"scan_{t:03d}_{part}.tif") for part in ("classes", "confidence"))
        assert classes.shape == sure.shape == SHAPE
        assert classes.dtype == sure.dtype == np.uint8
        assert 2 * ((classes == 1) & (scan.truth == 1)).sum() / ((classes == 1).sum() + (scan.truth == 1).sum()) > 0.75
    answer = command.run("ingest", str(out / "dataset.toml"), "--store", str(tmp_path / "s"))
    assert answer.code == 0, answer
    with open_store(tmp_path / "s") as store:
        rows = store.sql(
            "SELECT t, kind, count(*) AS n, min(confidence) AS low, max(confidence) AS high FROM features GROUP BY ALL"
        )
    found = {(row["t"], row["kind"]): row for row in rows.to_pylist()}
    assert all(0 < row["low"] <= row["high"] <= 1 for row in found.values())
    assert found[1, "inclusion"]["n"] > 40
    assert found[1, "fracture"]["n"] >= 1
    assert "holds a dataset.toml already: give another folder" in refused(made.dataset, "--out", out)


def test_a_region_of_interest_keeps_its_place(made: Made, tmp_path: Path) -> None:
    text = made.dataset.read_text()
    cut = made.dataset.with_name("cut.toml")
    cut.write_text(text.replace("[sample]", '[sample]\nroi = "8:40, 10:100, :"'))
    answer = command.run("pseudolabel", str(cut), "--out", str(tmp_path / "out"))
    assert answer.code == 0, answer
    classes = tifffile.imread(tmp_path / "out/scan_001_classes.tif")
    assert classes.shape == SHAPE
    outside = np.ones(SHAPE, np.bool_)
    outside[8:40, 10:100] = False
    assert not classes[outside].any()
    truth = made.scans[1].truth[8:40, 10:100] == 1
    found = classes[8:40, 10:100] == 1
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.75
    answer = command.run("ingest", "--dry-run", str(tmp_path / "out/dataset.toml"))
    assert answer.code == 0, answer


def test_a_job_whose_volumes_are_gone_is_labelled(made: Made, labelling: Labelling) -> None:
    folder, truth = labelling
    for file in made.dataset.parent.glob("scan_*"):
        file.unlink()
    answer = command.run("pseudolabel", str(folder))
    assert answer.code == 0, answer
    assert "scan t = 0 cannot be read" in answer.stdout
    assert "its slices were compared with those of the job" in answer.stdout
    assert len(list((folder / "pseudo/masks").iterdir())) == len(truth)


def test_bad_input_is_named(made: Made, labelling: Labelling, tmp_path: Path) -> None:
    folder, truth = labelling
    name = sorted(truth)[0]
    masks = tmp_path / "masks"
    masks.mkdir()
    tifffile.imwrite(masks / f"{name}.tif", truth[name][:-3])
    assert "pixels (y, x), but its slice has" in refused(folder, "--annotated", masks)
    tifffile.imwrite(masks / f"{name}.tif", truth[name] + 7)
    assert "which is no class: background = 0, inclusion = 1, pore = 2, fracture = 3" in refused(folder, "--annotated", masks)
    tifffile.imwrite(masks / f"{name}.tif", np.zeros_like(truth[name]))
    assert "1 annotated slices show nothing but background" in refused(folder, "--annotated", masks)
    assert "holds no masks: annotate its images" in refused(made.dataset, "--out", tmp_path / "o", "--annotated", folder)
    assert "give one of them" in refused(folder, "--annotated", masks, "--parameters", tmp_path / "p.json")
    assert "p.json cannot be read" in refused(folder, "--parameters", tmp_path / "p.json")
    assert "give --out DIR" in refused(made.dataset)
    assert "leave --out away" in refused(folder, "--out", tmp_path / "o")
    assert "holds no labelling job" in refused(tmp_path)
    turned = made.dataset.with_name("turned.toml")
    turned.write_text(made.dataset.read_text().replace("[sample]", '[sample]\naxes = "yzx"'))
    assert "axes = 'yzx': stacks are written slice by slice along z" in refused(turned, "--out", tmp_path / "o")
    image = folder / job.IMAGES / f"{name}.tif"
    grey = tifffile.imread(image)
    tifffile.imwrite(image, grey[:-1])
    assert "make the job again" in refused(folder)
    manifest = json.loads((folder / job.JOB).read_text())
    (folder / job.JOB).write_text(json.dumps(manifest | {"slices": []}))
    assert "is a job without slices" in refused(folder)
    (folder / job.JOB).write_text(json.dumps(manifest | {"classes": {"background": 0, "void": 1}}))
    assert "the classes of" in refused(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_slice_with_nan_is_refused_unless_it_is_outside(value: float, tmp_path: Path, rng: np.random.Generator) -> None:
    volume = rng.normal(100, 5, (12, 40, 40)).astype(np.float32)
    volume[5, 7, 9] = value
    np.save(tmp_path / "v.npy", volume)
    text = '[sample]\nid = "S"\nvoxel_size_um = 1.0\n[[scan]]\nt = 3\npath = "v.npy"\n'
    (tmp_path / "d.toml").write_text(text)
    said = refused(tmp_path / "d.toml", "--out", tmp_path / "o")
    assert re.search(r"slice (z = )?5 of .* has the value (nan|inf) at y = 7, x = 9: grey values must be finite", said), said
    assert not (tmp_path / "o/dataset.toml").exists()
    mask = np.ones(volume.shape, np.uint8)
    mask[:, 7, 9] = 0
    np.save(tmp_path / "m.npy", mask)
    (tmp_path / "d.toml").write_text(text + 'mask = "m.npy"\n')
    answer = command.run("pseudolabel", str(tmp_path / "d.toml"), "--out", str(tmp_path / "o"))
    assert answer.code == 0, answer
    found = {kind: int(n) for kind, n in re.findall(r"(\w+): (\d+) pixels", answer.stdout)}
    assert sum(found.values()) < 0.003 * volume.size, "noise alone"
