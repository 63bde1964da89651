"""The judge itself on every look of some simulated experiments, beside the rules on arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from benchmarks.peeking_cells import Cell
from benchmarks.peeking_counts import Counts
from benchmarks.peeking_data import arm_names, data_at
from benchmarks.peeking_people import LOOKS
from benchmarks.peeking_rules import RULES, Judged
from contender.experiment.decision import Verdict, judge_all
from contender.experiment.evidence import Look
from contender.experiment.plan import Plan

NEAR = 1e-6
"""Figures may differ by this part of them."""

ROUNDING = 1e-12
"""An effect this small is rounding, and so is the spread that it is held against: its p-value is not compared."""


class Mismatch(NamedTuple):
    """A look at which the judge and the rules on arrays say different things."""

    cell: str
    experiment: int
    look: int
    arm: str
    judge: str
    arrays: str


def mismatches(cell: Cell, counts: Counts, judged: Judged, plan: Plan, experiments: int) -> Iterator[Mismatch]:
    """Every look of the first `experiments` at which they differ, in the rule or in a figure."""
    names = arm_names(cell)[1:]
    for experiment in range(experiments):
        looks: Mapping[str, Look] = {name: Look() for name in names}
        for look in range(LOOKS):
            verdicts = judge_all(data_at(cell, counts, experiment, look), plan, looks)
            looks = {name: verdict.look for name, verdict in verdicts.items()}
            for number, name in enumerate(names):
                found = _differs(verdicts[name], judged, (experiment, look, number))
                if found:
                    yield Mismatch(cell.name, experiment, look, name, *found)


def _differs(verdict: Verdict, judged: Judged, at: tuple[int, int, int]) -> tuple[str, str] | None:
    """What the one and the other say, None where they agree."""
    experiment, look, _ = at
    rule = RULES[judged.rule[at]]
    if verdict.rule != rule:
        return f"{verdict.rule}: {verdict.reason}", rule
    effect = float(judged.effect[at])
    mine = {
        "effect": (math.nan if verdict.effect is None else verdict.effect, effect),
        "p": (verdict.p_value, float(judged.p_value[at])),
        "sample-ratio p": (verdict.srm_p, float(judged.srm_p[experiment, look])),
        "units": (float(verdict.units), float(judged.units[at])),
    }
    noise = verdict.effect is not None and max(abs(verdict.effect), abs(effect)) < ROUNDING
    for name, (one, other) in mine.items():
        if not _near(one, other) and not (noise and name == "p"):
            return f"{name} {one!r}", f"{name} {other!r}"
    return None


def _near(one: float, other: float) -> bool:
    return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=NEAR, abs_tol=1e-9)
