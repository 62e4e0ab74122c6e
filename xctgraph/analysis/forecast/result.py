"""What a forecast study found, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import plotly.graph_objects as go

from xctgraph.analysis.forecast.columns import Target
from xctgraph.analysis.forecast.figure import draw
from xctgraph.analysis.forecast.metrics import LEVEL, Bin, Estimate

QUESTION = "Which defects does the fracture swallow next and where does its front advance, and does the graph help to tell?"
REFERENCE = "place"
ASKED: dict[Target, str] = {
    "swallowed": "Which defects does the fracture swallow by the next scan?",
    "advanced": "Which sites of the front advance by the next scan?",
}
WORTH_SHOWN = 8
FEWEST_CLUSTERS = 10
"""In the test, below which the text warns."""


@dataclass(frozen=True)
class Score:
    """One model in the test.

    Attributes
    ----------
    average_precision, log_loss : Estimate
        Mean over the repeats, with intervals by clusters.
    gain, less_loss : Estimate
        Average precision above that of `place`, log loss below it; paired.
    p_corrected : float
        Of the gain, for all models of the study (Holm).
    beyond_distance : Estimate
        Average precision above that of `distance`.
    validation : float
        Average precision in validation, mean over the repeats: by it the best model is chosen.
    """

    average_precision: Estimate
    log_loss: Estimate
    gain: Estimate
    less_loss: Estimate
    p_corrected: float
    beyond_distance: Estimate
    validation: float


@dataclass(frozen=True)
class Answer:
    """What was found for one target.

    Attributes
    ----------
    n, n_events, n_tested, n_clusters : int
        Candidates in all scans and how many of them it happened to; candidates in the test of any repeat, and their clusters.
    tested_share : float
        Share of events in the test, mean over the repeats: the average precision of a model that knows nothing.
    scores : dict of str to Score
    best : str
        Of the models that see other defects (not the ablations) that with the highest average precision in validation.
    structure : Estimate or None
        Average precision of the best network above that of the best model of flat columns, both by validation; None without
        networks.
    calibration : dict of str to list of Bin
    worth : dict of str to list of float
        Loss in average precision of `network-next`, of each repeat, where a column is dealt out anew or a relation taken away.
    """

    target: Target
    n: int
    n_events: int
    n_tested: int
    n_clusters: int
    tested_share: float
    scores: Mapping[str, Score]
    best: str
    structure: Estimate | None
    calibration: Mapping[str, list[Bin]]
    worth: Mapping[str, list[float]]

    @property
    def primary(self) -> Estimate:
        """Average precision of the best model above that of `place`."""
        return self.scores[self.best].gain

    @property
    def text(self) -> str:
        """The answer in sentences."""
        best, reference = self.scores[self.best], self.scores[REFERENCE]
        said = [
            f"{ASKED[self.target]} {self.n} candidates, {self.n_events} events. The best model by "
            f"validation ({self.best}) has an average "
            f"precision of {_number(best.average_precision.value)} in the test, the place alone "
            f"{_number(reference.average_precision.value)}, chance {_number(self.tested_share)}: a "
            f"difference of {_ranged(self.primary)}; "
            f"log loss {_number(best.log_loss.value)} against {_number(reference.log_loss.value)}, "
            f"less by {_ranged(best.less_loss)}."
        ]
        if self.primary.p < LEVEL and self.primary.value > 0:
            said.append("What lies around helps to tell, beyond the place.")
        else:
            said.append("That what lies around helps to tell, beyond the place, cannot be said.")
        if self.structure is not None:
            said.append(f"The best network less the best model of flat columns: {_ranged(self.structure)}. {self._structure()}")
        if self.n_clusters < FEWEST_CLUSTERS:
            said.append(f"The test has {self.n_clusters} clusters: intervals of so few are too narrow.")
        return " ".join(said)

    def _structure(self) -> str:
        if self.structure is None or self.structure.p >= LEVEL:
            return "The graph adds nothing that could be told over flat columns."
        return f"The graph {'adds to' if self.structure.value > 0 else 'does worse than'} flat columns."

    def lines(self) -> list[str]:
        """A table of the models as aligned lines."""
        found = [
            "",
            f"{self.target}: {'average precision':>30}{'log loss':>29}{'above the place':>29}{'p':>8}{'corrected':>11}",
        ]
        for name, score in self.scores.items():
            gain = " " * 27 if name == REFERENCE else f"{_ranged(score.gain, p=False):>27}"
            p = "" if name == REFERENCE else f"{score.gain.p:8.3g}{score.p_corrected:11.3g}"
            measured = f"{_ranged(score.average_precision, p=False):>25}  {_ranged(score.log_loss, p=False):>27}"
            found.append(f"  {name:15}{measured}  {gain}{p}")
        if self.worth:
            means = {name: sum(values) / len(values) for name, values in self.worth.items()}
            top = sorted(means, key=lambda name: -means[name])[:WORTH_SHOWN]
            found += ["", "what network-next loses in average precision without:"]
            found += [
                f"  {name:32}{means[name]:8.3f}  ({min(self.worth[name]):.3f} to {max(self.worth[name]):.3f})" for name in top
            ]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        one = self.primary
        primary = {"model": self.best, "effect": one.value, "interval": list(one.interval), "p": one.p}
        return {"primary": primary, **asdict(self), "text": self.text}


@dataclass(frozen=True)
class Forecast:
    """Result of `forecast`.

    Attributes
    ----------
    samples : tuple of str
    split : str
        "time", "block" or "sample".
    repeats, seed : int
        Repeats have the seeds `seed`, `seed` + 1, ...: of the split, the training and all draws.
    reach_um, share, block_um : float
        Distance of the farthest candidate, share of a front that moved everywhere (as in `analyze growth`), edge of the
        clusters (0: whole samples).
    n_draws : int
        Bootstrap samples.
    shuffled : bool
        Whether the outcomes were shuffled: a probe, in which nothing may be found.
    answers : tuple of Answer
    unanswered : dict of str to str
        Targets that cannot be answered, and why.
    """

    samples: tuple[str, ...]
    split: str
    repeats: int
    seed: int
    reach_um: float
    share: float
    block_um: float
    n_draws: int
    shuffled: bool
    answers: tuple[Answer, ...]
    unanswered: Mapping[str, str]

    @property
    def primary(self) -> Answer:
        """The first target that can be answered: the defects, else the sites."""
        return self.answers[0]

    @property
    def effect(self) -> float:
        """Average precision of the best model above that of the place alone."""
        return self.primary.primary.value

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the effect."""
        return self.primary.primary.interval

    @property
    def p(self) -> float:
        """Two-sided p-value of the effect."""
        return self.primary.primary.p

    @property
    def figure(self) -> go.Figure:
        """Average precision of each model with intervals, and calibration, by target."""
        return draw(self.answers)

    @property
    def text(self) -> str:
        """The answers in sentences, with what they rest on."""
        said = ["Outcomes were shuffled: nothing is to be found."] if self.shuffled else []
        said += [answer.text for answer in self.answers]
        said += [f"{name} cannot be answered: {why}." for name, why in self.unanswered.items()]
        by = "whole samples" if not self.block_um else f"blocks of {_number(self.block_um)} µm"
        n = len(self.samples)
        said.append(
            f"Split by {self.split}, {self.repeats} repeats from seed {self.seed} on, intervals by {by} ({self.n_draws} draws), "
            f"{n} sample{'s' if n > 1 else ''}; the intervals hold what another test set of the "
            f"same kind would change, and not what "
            f"another material would."
        )
        return "\n".join(said)

    def lines(self) -> list[str]:
        """Tables of all targets."""
        return [line for answer in self.answers for line in answer.lines()]

    def to_dict(self) -> dict[str, Any]:
        """Everything but the figure, as plain values."""
        held = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("answers", "unanswered")}
        one = self.primary
        primary = {"target": one.target, **one.to_dict()["primary"]}
        answers: Sequence[dict[str, Any]] = [answer.to_dict() for answer in self.answers]
        return {
            "question": QUESTION, **held, "primary": primary, "answers": answers, "unanswered": dict(self.unanswered),
            "text": self.text,
        }  # fmt: skip


def _ranged(one: Estimate, *, p: bool = True) -> str:
    low, high = one.interval
    if not p:
        return f"{one.value:.3f} ({low:.3f} to {high:.3f})"
    return f"{one.value:.3f} (95 % interval {low:.3f} to {high:.3f}, p = {one.p:.2g})"


def _number(value: float) -> str:
    return f"{value:.3g}"
