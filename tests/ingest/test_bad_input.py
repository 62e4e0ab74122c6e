"""Bad input: exit code 2, one message that names what is wrong and the remedy, no traceback, and the store as it was."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from tests.cli import command
from xctgraph.store import open_store

SHAPE = (12, 16, 20)
VOXEL = "2um"
COMMAND = str(Path(sys.executable).parent / "xctgraph")
Build = Callable[[Path], list[str]]


def grey(dtype: str = "u2") -> np.ndarray:
    """Grey values with two bright cubes."""
    array = np.full(SHAPE, 100, dtype)
    array[2:5, 3:6, 3:6] = array[7:10, 9:12, 10:14] = 200
    return array


def h5(path: Path, array: np.ndarray | None = None, **attributes: object) -> str:
    with h5py.File(path, "w") as file:
        file["entry/data"] = grey() if array is None else array
        file["entry/data"].attrs.update(attributes)
    return str(path)


def npy(path: Path, array: np.ndarray) -> str:
    np.save(path, array)
    return str(path)


def toml(path: Path, scan: str, *, sample: str = "", segmentation: str = 'method="threshold"\nbright=150') -> list[str]:
    path.write_text(f'[sample]\nid="S1"\nvoxel_size_um=2\n{sample}\n[segmentation]\n{segmentation}\n{scan}')
    return [str(path)]


def one(path: str, *more: str) -> list[str]:
    """Arguments for a volume that is scan 1."""
    defaults = {"--voxel-size": VOXEL, "--segmentation": "threshold:150"}
    for option, value in defaults.items():
        more = more if option in more else (*more, option, value)
    return [path, "--sample", "S1", "--first-t", "1", *more]


def spoilt(value: float) -> Build:
    def build(folder: Path) -> list[str]:
        array = grey("f4")
        array[4, 5, 6] = value
        return one(npy(folder / "v.npy", array))

    return build


def spoilt_mask(value: float, segmentation: str) -> Build:
    def build(folder: Path) -> list[str]:
        mask = np.ones(SHAPE, "f4")
        mask[4, 5, 6] = value
        scan = f'[[scan]]\nt=1\npath="{npy(folder / "v.npy", grey())}"\nmask="{npy(folder / "m.npy", mask)}"'
        return toml(folder / "d.toml", scan, segmentation=segmentation, sample="roi=[[2,11],[1,15],[0,20]]")

    return build


def spoilt_classes(folder: Path) -> list[str]:
    mask = (grey("f4") > 150).astype("f4")
    mask[4, 5, 6] = np.nan
    return one(npy(folder / "v.npy", mask), "--segmentation", "mask")


def cut(name: str) -> Build:
    def build(folder: Path) -> list[str]:
        path = folder / name
        {"v.h5": lambda: h5(path), "v.tif": lambda: tifffile.imwrite(path, grey()), "v.npy": lambda: np.save(path, grey())}[
            name
        ]()
        path.write_bytes(path.read_bytes()[:-200])
        return one(str(path))

    return build


def two_datasets(folder: Path) -> list[str]:
    with h5py.File(folder / "v.h5", "w") as file:
        file["a"], file["b"] = grey(), grey()
    return one(str(folder / "v.h5"))


def no_voxel_size_in_toml(folder: Path) -> list[str]:
    (folder / "d.toml").write_text('[sample]\nid="S1"\n[[scan]]\nt=1\npath="v.npy"')
    return [str(folder / "d.toml")]


def turned(folder: Path) -> list[str]:
    return one(npy(folder / "v.npy", grey().transpose(2, 1, 0)))


def mask_of_ones(folder: Path) -> list[str]:
    return one(npy(folder / "v.npy", np.ones(SHAPE, np.uint8)), "--segmentation", "mask")


def labels_of_floats(folder: Path) -> list[str]:
    return one(npy(folder / "v.npy", grey("f4")), "--segmentation", "labels")


def axes_of_nxdata(folder: Path) -> list[str]:
    with h5py.File(folder / "v.h5", "w") as file:
        file["data"] = grey().transpose(2, 1, 0)
        file.attrs.update({"signal": "data", "axes": list("xyz")})
    return one(str(folder / "v.h5"))


def empty_mask(folder: Path) -> list[str]:
    mask = npy(folder / "m.npy", np.zeros(SHAPE, np.uint8))
    return toml(folder / "d.toml", f'[[scan]]\nt=1\npath="{npy(folder / "v.npy", grey())}"\nmask="{mask}"')


def far_axis(folder: Path) -> list[str]:
    scan = f'[[scan]]\nt=1\npath="{npy(folder / "v.npy", grey())}"'
    return toml(folder / "d.toml", scan, sample="rotation_axis=[8, 1e9]")


def huge_labels(folder: Path) -> list[str]:
    return one(npy(folder / "v.npy", np.where(grey() > 150, np.uint64(2**63 + 5), np.uint64(0))), "--segmentation", "labels")


BAD: dict[str, tuple[Build, str]] = {
    "missing voxel size": (lambda f: [npy(f / "v.npy", grey()), "--sample", "S1"], r"--voxel-size missing.*1.63um \(there is no"),
    "missing voxel size in the TOML": (no_voxel_size_in_toml, r"'sample.voxel_size_um' is missing \(there is no default"),
    "missing file": (lambda f: one(str(f / "v.h5")), r"volume .*v.h5 is not there; .* holds: nothing"),
    "missing file in the TOML": (lambda f: toml(f / "d.toml", '[[scan]]\nt=1\npath="v.npy"'), r"v.npy is not there"),
    "empty file": (lambda f: one(str((f / "v.tif").touch() or f / "v.tif")), r"is empty \(0 bytes\)"),
    "truncated HDF5": (cut("v.h5"), r"v.h5 cannot be opened as HDF5, it is damaged or still being written"),
    "truncated TIFF": (cut("v.tif"), r"v.tif is cut off: its list of pages breaks off after \d+ pages. Copy it again"),
    "truncated npy": (cut("v.npy"), r"v.npy cannot be read as .npy"),
    "not a volume": (
        lambda f: one(str((f / "v.h5").write_text("<html>") and f / "v.h5")),
        r"not what its extension says.*'<html>'",
    ),
    "rank 2": (lambda f: one(npy(f / "v.npy", grey()[0])), r"shape \(16, 20\), rank 2: a volume has rank 3"),
    "rank 4": (lambda f: one(npy(f / "v.npy", grey()[None])), r"rank 4: a volume has rank 3. Of a time series give each scan"),
    "another shape": (lambda f: one(npy(f / "v.npy", grey()[1:])), r"found t = 0: \(12, 16, 20\), t = 1: \(11, .*crop them"),
    "axes turned": (turned, r"t = 1 looks as if its axes were in another order than those of its neighbours"),
    "two datasets": (two_datasets, r"2 datasets that may be the volume. Name one as FILE:/PATH:\s+.*v.h5:/a .*\s+.*v.h5:/b"),
    "complex": (lambda f: one(npy(f / "v.npy", grey().astype(complex))), r"voxels of type complex128: valid are bool"),
    "NaN": (spoilt(np.nan), r"voxel \(z, y, x\) = \(4, 5, 6\) is nan: grey values must be finite. Replace"),
    "NaN in a region": (
        lambda f: [*spoilt(np.nan)(f), "--roi", "2:12, 1:16, 3:20"],
        r"voxel \(z, y, x\) = \(4, 5, 6\) is nan",
    ),
    "infinite": (spoilt(np.inf), r"voxel \(z, y, x\) = \(4, 5, 6\) is inf"),
    "no voxels": (lambda f: one(npy(f / "v.npy", grey()[:0])), r"shape \(0, 16, 20\): it holds no voxels"),
    "constant": (
        lambda f: one(npy(f / "v.npy", np.full(SHAPE, 7, np.uint8)), "--segmentation", "otsu"),
        r"every voxel looked at in .*v.npy has the value 7: there is nothing to segment",
    ),
    "all foreground": (
        lambda f: one(npy(f / "v.npy", grey()), "--segmentation", "threshold:50"),
        r"every voxel of .*v.npy is foreground, one feature fills the whole sample.*the threshold wrong",
    ),
    "mask of ones": (mask_of_ones, r"every voxel of .*v.npy is foreground.*is the mask inverted"),
    "unknown mask value": (
        lambda f: one(npy(f / "v.npy", grey()), "--segmentation", "mask"),
        r"the mask has the value 100 .*which stands for no kind",
    ),
    "labels that are not whole": (labels_of_floats, r"v.npy holds float32, but the values of a label volume are whole numbers"),
    "labels beyond 2^63": (huge_labels, r"instance 9223372036854775813 is too large"),
    "doubled t": (
        lambda f: toml(f / "d.toml", '[[scan]]\nt=1\npath="a.npy"\n[[scan]]\nt=1\npath="b.npy"'),
        r"t = 1 is given twice, for 'a.npy' and 'b.npy': each scan needs its own t",
    ),
    "scans out of order": (
        lambda f: toml(f / "d.toml", '[[scan]]\nt=1\npath="a"\ntime_s=60\n[[scan]]\nt=2\npath="b"\ntime_s=30'),
        r"scan t = 2 has time_s = 30, but t = 1 before it has 60: number the scans in the order they were measured",
    ),
    "unknown field": (
        lambda f: toml(f / "d.toml", '[[scan]]\nt=1\npth="a"'),
        r"'scan.0.path' is missing: name the file or folder of the scan; unknown field 'scan.0.pth': did you mean 'path'\?",
    ),
    "not TOML": (lambda f: [str((f / "d.toml").write_text("[sample") and f / "d.toml")], r"d.toml is not valid TOML"),
    "voxel size 1": (
        lambda f: [h5(f / "v.h5", voxel_size_um=1.63), "--sample", "S9", "--voxel-size", "1um"],
        r"declared is \(1.0, 1.0, 1.0\) um .* says \(1.63, 1.63, 1.63\) um: they differ by the factor 0.6135.*insist",
    ),
    "voxel size off by 1000": (
        lambda f: one(h5(f / "v.h5", voxel_size_um=0.002)),
        r"declared is \(2.0, .* says \(0.002, .* by the factor 1000.*insist_on_voxel_size = true .*--insist-on-voxel-size",
    ),
    "voxel size of another scan": (
        lambda f: one(npy(f / "v.npy", grey()), "--voxel-size", "3um"),
        r"'S1' is in the store with voxels of \(2.0, 2.0, 2.0\) um .* but \(3.0, 3.0, 3.0\) was given",
    ),
    "voxel size in pixels": (
        lambda f: one(npy(f / "v.npy", grey()), "--voxel-size", "2px"),
        r"'2px' is in pixels, which have no length of their own",
    ),
    "voxel size without extent": (
        lambda f: one(npy(f / "v.npy", grey()), "--voxel-size", "1e-300um"),
        r"a length in micrometres is wanted, from 1e-06 to 1e\+09",
    ),
    "axes other than the file says": (axes_of_nxdata, r"says that its axes are in the order 'xyz', .* give axes = 'xyz'"),
    "NaN in the sample mask": (
        spoilt_mask(np.nan, 'method="threshold"\nbright=150'),
        r"voxel \(z, y, x\) = \(4, 5, 6\) of the sample mask is nan: the values of a mask must be finite. Write 0 where",
    ),
    "infinity in the sample mask, otsu": (
        spoilt_mask(np.inf, 'method="otsu"'),
        r"voxel \(z, y, x\) = \(4, 5, 6\) of the sample mask is inf",
    ),
    "NaN in a mask of classes": (spoilt_classes, r"voxel \(z, y, x\) = \(4, 5, 6\) of the mask is nan"),
    "millions of regions": (
        lambda f: toml(f / "d.toml", f'[regions]\ncell_um=0.001\n[[scan]]\nt=1\npath="{npy(f / "v.npy", grey())}"'),
        r"cells of 0.001 um would divide a scan into 3.07e\+13 regions: at most 2,000,000 .* as 0.28 or more",
    ),
    "clusters beyond what is near": (
        lambda f: toml(f / "d.toml", '[proximity]\ncluster_gap_um=90\n[[scan]]\nt=1\npath="a"'),
        r"`cluster_gap_um` is 90, but gaps are only looked for up to `gap_um` = 32",
    ),
    "voxel size as text": (
        lambda f: [
            str((f / "d.toml").write_text('[sample]\nid="S1"\nvoxel_size_um="2um"\n[[scan]]\nt=1\npath="a"') and f / "d.toml")
        ],
        r"'sample.voxel_size_um': one number in micrometres is wanted, as in 1.63, or \[z, y, x\]; without a unit.*'2um'",
    ),
    "empty sample mask": (empty_mask, r"the sample mask .*m.npy is 0 in every voxel that is read, so that nothing is material"),
    "rotation axis far away": (
        far_axis,
        r"rotation_axis has x = 1e\+09, far outside the slices .* which has 20 voxels",
    ),
    "region outside": (lambda f: one(npy(f / "v.npy", grey()), "--roi", "0:13,:,:"), r"0:13 along z does not lie in .*v.npy"),
    "mask of another shape": (
        lambda f: toml(f / "d.toml", f'[[scan]]\nt=1\npath="{npy(f / "v.npy", grey())}"\nmask="{npy(f / "m.npy", grey()[1:])}"'),
        r"mask .*m.npy' has shape \(11, 16, 20\) \(z, y, x\), but the volume",
    ),
}


def everything(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds a good scan 0; the name of its lock is there from the start."""
    folder = tmp_path_factory.mktemp("bad")
    np.save(folder / "good.npy", grey())
    done = subprocess.run(
        [
            COMMAND,
            "ingest",
            "good.npy",
            "--sample",
            "S1",
            "--voxel-size",
            VOXEL,
            "--segmentation",
            "threshold:150",
            "--store",
            "s",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "added 2 features" in done.stdout, done.stderr
    return folder / "s"


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_leaves_nothing(case: str, made: Path, tmp_path: Path) -> None:
    build, words = BAD[case]
    before = everything(made)
    done = command.run("ingest", *build(tmp_path), "--store", str(made))
    assert done.code == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ") or "\nError: " in done.stderr
    with pytest.raises(ValueError, match=f"(?s){words}"):
        raise ValueError(done.stderr)
    assert everything(made) == before
    with open_store(made) as store:
        assert store.read("scans")["t"].to_pylist() == [0]


def _without_roots_rights() -> None:
    """For a child process of root: permissions hold for it, too (prctl PR_CAPBSET_DROP)."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            if libc.prctl(24, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl")


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_not_be_read_is_named(what: str, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    volume = Path(npy(hidden / "v.npy", grey()))
    (volume if what == "file" else hidden).chmod(0)
    try:
        done = subprocess.run(
            [COMMAND, "ingest", *one(str(volume)), "--store", str(tmp_path / "s")],
            preexec_fn=_without_roots_rights,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        hidden.chmod(0o700)
    assert done.returncode == 2, done
    assert done.stderr == f"Error: {volume} may not be read: Permission denied. Give yourself the right to read it\n"
    assert not (tmp_path / "s").exists()


def test_one_who_insists_is_obeyed(made: Path, tmp_path: Path) -> None:
    volume = h5(tmp_path / "v.h5", voxel_size_um=0.002)
    done = command.run("ingest", *one(volume, "--insist-on-voxel-size", "--dry-run"), "--store", str(made))
    assert done.code == 0
    assert "says (0.002, 0.002, 0.002) um: the declared one is used" in done.stderr
    path = tmp_path / "d.toml"
    scan = f'[[scan]]\nt=1\npath="{volume}"'
    assert command.run("ingest", *toml(path, scan, sample="insist_on_voxel_size=true"), "--dry-run").code == 0
    assert command.run("ingest", *toml(path, scan), "--dry-run").code == 2


@pytest.mark.parametrize("stated", [2.1, 1.0])
def test_small_differences_and_placeholders_are_told_but_no_error(stated: float, made: Path, tmp_path: Path) -> None:
    """A file that says 1 was mostly written by a program that did not know."""
    done = command.run("ingest", *one(h5(tmp_path / "v.h5", voxel_size_um=stated), "--dry-run"), "--store", str(made))
    assert done.code == 0
    assert f"says ({stated}, {stated}, {stated}) um: the declared one is used" in done.stderr


def test_no_feature_is_an_answer_with_a_warning(made: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(made, tmp_path / "copy"))
    done = command.run("ingest", *one(npy(tmp_path / "v.npy", grey()), "--segmentation", "threshold:999"), "--store", str(store))
    assert done.code == 0, done
    assert "t = 1: added 0 features" in done.stdout
    assert "t = 1: no feature was found in" in done.stderr
    with open_store(store) as opened:
        assert opened.sql(
            "SELECT t, count(feature_id) AS n FROM scans LEFT JOIN features USING (scan_id, t) GROUP BY t ORDER BY t"
        )["n"].to_pylist() == [2, 0]
        assert opened.cypher("MATCH (s:Scan) RETURN s.t AS t ORDER BY t")["t"].to_pylist() == [0, 1]


def test_a_scan_of_another_sample_is_refused_or_kept_without_links(tmp_path: Path, rng: np.random.Generator) -> None:
    paths = []
    for name in ("one", "other"):
        volume = np.zeros((60, 60, 60), np.uint8)
        for z, y, x in rng.integers(2, 56, (250, 3)):
            volume[z : z + 2, y : y + 2, x : x + 2] = 1
        paths.append(npy(tmp_path / f"{name}.npy", volume))
    store = tmp_path / "s"
    scans = "\n".join(f'[[scan]]\nt={t}\npath="{path}"' for t, path in enumerate(paths))
    file = tmp_path / "d.toml"
    done = command.run("ingest", *toml(file, scans, segmentation='method="mask"'), "--store", str(store))
    assert done.code == 2, done
    assert "links t = 0 to 1: the scans cannot be registered" in done.stderr
    assert 'set unregistered = "unlinked" in [correspondence]' in done.stderr
    with open_store(store) as opened:
        assert opened.manifest().scans("S1") == [0]
    keep = 'method="mask"\n[correspondence]\nunregistered="unlinked"'
    done = command.run("ingest", *toml(file, scans, segmentation=keep), "--store", str(store))
    assert done.code == 0, done
    assert "No links are made" in done.stderr
    with open_store(store) as opened:
        assert sorted(opened.manifest().scans("S1")) == [0, 1]
        assert opened.sql("SELECT count(*) AS n FROM next")["n"].to_pylist() == [0]
