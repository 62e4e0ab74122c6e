"""The whole way on a small sample with known truth: generate, ingest, ask, compare with the truth, report."""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from xctgraph.analysis import report
from xctgraph.analysis.answers import Answer, headline
from xctgraph.analysis.html import number
from xctgraph.ingest import config, pipeline, scoring, synth
from xctgraph.ingest.synth.spec import make
from xctgraph.store import Store, open_store
from xctgraph.store.errors import InputError
from xctgraph.store.progress import Progress, silent


@dataclass(frozen=True)
class DemoResult:
    """Where the store and the report are, the answers, and how close the graph is to the truth, as a table and a sentence."""

    store: Path
    report: Path
    answers: list[Answer]
    checks: pa.Table
    checked: str


def demo(out: str | Path, *, seed: int = 0, progress: Progress = silent, **parameters: object) -> DemoResult:
    """Make a small 4D sample, ingest it, answer the headline questions and write a report.

    Parameters
    ----------
    out
        Folder; gets `data` (volumes, `dataset.toml` and the truth), `xct.store` and `report.html`. The sample and the
        scans that an earlier run with the same parameters made there are used again.
    seed
        Seed of the sample.
    progress
        Called as work goes on.
    **parameters
        Other fields of `synth.SynthSpec`.

    Raises
    ------
    InputError
        If `out` is a file or holds a demo with other parameters.
    """
    out = Path(out)
    spec = make(synth.SynthSpec(seed=seed), parameters)
    data = _data(out, spec, progress)
    with open_store(out / "xct.store", create=True) as store:
        pipeline.ingest(store, config.load(data / "dataset.toml"), replace=True, progress=progress)
        progress("asking five questions", 0, 0)
        answers = headline(report.context(store, spec.sample))
        checks, checked = compare(store, data / "truth", spec)
        page = report.write(
            store, out / "report.html", sample=spec.sample, answers=answers, checks=checks, checked=checked, progress=progress
        )
        return DemoResult(store.path, page, answers, checks, checked)


def compare(store: Store, truth: Path, spec: synth.SynthSpec) -> tuple[pa.Table, str]:
    """Score the features and links of a sample against the truth it was generated with.

    Returns
    -------
    tuple of pyarrow.Table and str
        A row for features, links and each event, and a sentence that says how close the two are.
    """
    found, links = (store.read(table, sample=spec.sample) for table in ("features", "next"))
    known = synth.read(truth)
    score = scoring.score(found, links, known.components, known.links)
    rates = {"features": score.detection, "links": score.links} | {f"links: {name}": rate for name, rate in score.events.items()}
    columns = ("right", "n_found", "n_truth", "precision", "recall", "f1")
    table = pa.table({"what": list(rates)} | {c: [getattr(rate, c) for rate in rates.values()] for c in columns})
    seen = score.detection
    sentence = (
        f"Of {number(seen.n_truth)} true features large enough to be seen, counted in all scans, {100 * seen.recall:.1f} % were "
        f"found, and {100 * seen.precision:.1f} % of those found are true; {number(seen.misnamed)} have the wrong kind. Links "
        f"between scans reach an F1 of {score.links.f1:.3f}. A real sample is harder: this one has noise and blur, but no rings, "
        f"no beam hardening and no jump across the fracture. It was generated with an attraction of {spec.attraction:g}: its "
        f"fracture {_leaning(spec.attraction)}; the answers above do not measure that."
    )
    return table, sentence


def _leaning(attraction: float) -> str:
    if attraction == 0:
        return "advances independently of the density of defects"
    return f"does advance faster toward {'denser' if attraction > 0 else 'sparser'} regions"


def _data(out: Path, spec: synth.SynthSpec, progress: Progress) -> Path:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: name a new folder for the demo")
    data, partial = out / "data", out / "data.partial"
    if data.exists():
        made = data / "truth" / "spec.json"
        wanted = json.loads(json.dumps(dataclasses.asdict(spec)))
        if made.is_file() and json.loads(made.read_text(encoding="utf-8")) == wanted:
            return data
        raise InputError(f"{data} holds another sample: name a new folder for the demo, or remove it")
    shutil.rmtree(partial, ignore_errors=True)
    synth.generate(partial, spec, progress=progress)
    return partial.rename(data)
