"""`analyze forecast` on grey volumes made with and without attraction: is the place alone beaten where it may be?

`python -m benchmarks.forecast [--samples 24] [--attraction 2] [--first 100] [--out STORE]` makes a store (5 s of processor a
sample) and prints the tables of docs/forecast.md; `--nulls 10 --attraction 0` makes ten of them and prints how often something
is found without the networks.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from xctgraph.analysis.forecast import Forecast, forecast
from xctgraph.ingest import config, pipeline, synth
from xctgraph.store import Store, open_store


def spec(seed: int, attraction: float, number: int) -> synth.SynthSpec:
    """Small volumes, half of their defects pores; every second sample has two fractures."""
    return synth.SynthSpec(
        shape=(80, 208, 208), steps=6, features=1000, pore_share=0.5, attraction=attraction, seed=seed, fracture_start=0.25,
        fracture_end=0.85, fractures=1 + number % 2, sample=f"S{number:02d}",
    )  # fmt: skip


def fill(store: Store, samples: int, attraction: float, first: int) -> None:
    """Make and ingest samples one after the other."""
    for number in range(samples):
        with tempfile.TemporaryDirectory() as folder:
            made = synth.generate(Path(folder) / "made", spec(first + number, attraction, number))
            pipeline.ingest(store, config.load(made.dataset), project=False)
        print(f"sample {number}", flush=True)


def table(found: Forecast) -> str:
    """Markdown of the models by target."""
    lines = []
    for one in found.answers:
        lines += [
            f"**{one.target}**: {one.n} candidates, {one.n_events} events, chance "
            f"{one.tested_share:.3f}, best by validation {one.best}",
            "",
            "| model | average precision | log loss | above the place | p |",
            "|---|---|---|---|---|",
        ]
        for name, score in one.scores.items():
            low, high = score.gain.interval
            gain = "| |" if name == "place" else f"{score.gain.value:+.3f} ({low:+.3f} to {high:+.3f}) | {score.gain.p:.2g} |"
            low, high = score.average_precision.interval
            measured = f"{score.average_precision.value:.3f} ({low:.3f} to {high:.3f}) | {score.log_loss.value:.4f}"
            lines.append(f"| {name} | {measured} | {gain}")
        lines.append("")
    return "\n".join(lines)


def nulls(count: int, samples: int, attraction: float, first: int) -> str:
    """How often the best flat model is found above the place, by target, in stores made one after the other."""
    found: dict[str, list[tuple[float, float]]] = {"swallowed": [], "advanced": []}
    for k in range(count):
        with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "xct.store", create=True) as store:
            fill(store, samples, attraction, first + 1000 * k)
            for one in forecast(store, networks=False, seed=k).answers:
                found[one.target].append((one.primary.value, one.primary.p))
                print(k, one.target, one.primary, flush=True)
    lines = ["| target | stores | found above (p < 0.05) | found below | mean effect |", "|---|---|---|---|---|"]
    for target, each in found.items():
        above, below = (sum(p < 0.05 and sign * effect > 0 for effect, p in each) for sign in (1, -1))
        mean = sum(effect for effect, _ in each) / max(len(each), 1)
        lines.append(f"| {target} | {len(each)} | {above} | {below} | {mean:+.4f} |")
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--attraction", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=100, help="seed of the first sample")
    parser.add_argument("--nulls", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    if given.nulls:
        print(nulls(given.nulls, given.samples, given.attraction, given.first))
        return
    with tempfile.TemporaryDirectory() as folder, open_store(given.out or Path(folder) / "xct.store", create=True) as store:
        fill(store, given.samples, given.attraction, given.first)
        start = time.perf_counter()
        found = forecast(store, seed=given.seed)
        print(f"\n{table(found)}\n{found.text}\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
