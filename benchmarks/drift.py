"""Drift: false alarms in clean windows, and how soon a shift is flagged, in data time at the sampled rate.

A model trained here answers every row; windows and looks are those of `contender drift watch`. The clean stream is new
people of the same world; a shifted one is clean until the shift begins.

``python -m benchmarks.drift [--quick] [--json]`` prints {figure: {value, unit, goal, ok}}.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from contender.tasks.catalog import TASKS, task_named
from contender.tasks.task import Task
from contender.values import Prediction, Row
from monitoring.drift.reference import Reference, columns, remember
from monitoring.drift.shift import Shift, shifted
from monitoring.drift.verdict import Known, Limits, Seen, Window, judge

RATE: Final = 10
"""Rows a second that are sampled by default."""
WINDOW_S: Final = 300
LOOK_S: Final = 60
SIZES: Final = (RATE * WINDOW_S, 300)
REFERENCE_ROWS: Final = 1_600
VERSION: Final = "1"

GOAL_FALSE: Final = 0.02
GOAL_DELAY_S: Final = 300.0

SHIFTS: Final[Mapping[str, Sequence[Shift]]] = {
    "job-change": (
        *(Shift(name, 1.0, 0.5) for name in ("training_hours", "city_development_index")),
        *(Shift(name, 0.5) for name in ("city", "education_level", "experience", "company_size", "last_new_job")),
        *(Shift(name, 0.7) for name in ("relevent_experience", "enrolled_university", "company_type")),
        Shift("major_discipline", 0.8),
        Shift("city_development_index", 0.5, -0.3),
    ),
    "job-role": (Shift("skills", 0.3), Shift("qualification", 0.5), Shift("experience_level", 0.5)),
}


@dataclass(frozen=True)
class Lab:
    """A task, what its model was judged on, people who come later, and what it says of each."""

    task: Task
    model: Any
    reference: Reference
    people: Sequence[Mapping[str, Any]]

    def answer(self, rows: Sequence[Row]) -> list[Prediction]:
        """What the model says of `rows`."""
        encoder, estimator = self.model
        return self.task.decide(estimator.predict_proba(encoder.encode(rows)), [str(c) for c in estimator.classes_])

    def seen(self, rows: Sequence[Row]) -> list[Seen]:
        """The rows as the store would give them back."""
        policy, names = self.task.policy, columns(self.task)
        return [
            Seen(
                {name: row[name] for name in names},
                one.label if one.confidence >= policy.min_confidence else policy.label,
                one.score,
                one.confidence,
                VERSION,
            )
            for row, one in zip(rows, self.answer(rows), strict=True)
        ]


def lab(name: str, later: int) -> Lab:
    """A baseline model of the task on synthetic people, and `later` people that it has never seen."""
    task = task_named(name)
    rows = task.generate(4_000 + REFERENCE_ROWS + later, 20_26)
    lesson, held, people = rows[:4_000], rows[4_000 : 4_000 + REFERENCE_ROWS], rows[4_000 + REFERENCE_ROWS :]
    labels = [task.label_of(row[task.target]) for row in lesson]
    encoder = task.fit_features(lesson, labels)
    model = (encoder, task.recipe().baseline(0).fit(encoder.encode(lesson), np.array(labels)))
    blank = Lab(task, model, Reference(name, "", ()), people)
    return replace(blank, reference=replace(remember(task, held, blank.answer(held)), version=VERSION))


def clean(where: Lab, windows: int, size: int) -> Iterator[str]:
    """The state of each of `windows` clean windows of `size` rows with outcomes, each against a reference of its own.

    Window and reference are drawn anew from people whom the model has not seen: with one reference for all windows, one
    unlucky draw would count for all or for none.
    """
    rng = np.random.default_rng(1)
    answers, answered = where.answer(where.people), where.seen(where.people)
    known = _known(where, answered)
    for _ in range(windows):
        drawn = rng.choice(len(answered), REFERENCE_ROWS + size, replace=False)
        held, chosen = drawn[:REFERENCE_ROWS], drawn[REFERENCE_ROWS:]
        reference = remember(where.task, [where.people[i] for i in held], [answers[i] for i in held])
        window = Window(0.0, WINDOW_S, [answered[i] for i in chosen], [known[i] for i in chosen])
        yield judge(where.task, replace(reference, version=VERSION), window).state


def _known(where: Lab, answered: Sequence[Seen]) -> list[Known]:
    found = []
    for row, one in zip(where.people, answered, strict=True):
        outcome = row[where.task.target]
        told = Prediction(one.label, one.confidence or 0.0, one.score or 0.0)
        label = where.task.label_of(outcome)
        found.append(Known(one.label, one.score, outcome, where.task.reward(told, label)))
    return found


def delay(where: Lab, shift: Shift, limit_s: int = 2 * WINDOW_S) -> float:
    """Seconds of data from the shift's begin to the first look that says drift; `inf` beyond `limit_s`."""
    rng = np.random.default_rng(7)
    chosen = [where.people[i] for i in rng.choice(len(where.people), RATE * (WINDOW_S + limit_s))]
    rows = [{name: row[name] for name in where.task.schema.model_fields} for row in chosen]
    begin = RATE * WINDOW_S
    stream = where.seen([*rows[:begin], *shifted(where.task, rows[begin:], shift, rng)])
    for after in range(LOOK_S, limit_s + 1, LOOK_S):
        end = begin + RATE * after
        window = Window(0.0, WINDOW_S, stream[end - RATE * WINDOW_S : end])
        if judge(where.task, where.reference, window, Limits()).state == "drift":
            return float(after)
    return float("inf")


def figures(quick: bool) -> dict[str, dict[str, Any]]:
    """Every figure of every task."""
    found: dict[str, dict[str, Any]] = {}
    windows, later = (60, 9_000) if quick else (200, 60_000)
    for name in TASKS:
        where = lab(name, later)
        for size in SIZES:
            states = list(clean(where, windows, size))
            alarms = sum(state not in ("ok", "warn") for state in states) / windows
            warnings = states.count("warn") / windows
            title = f"{windows} clean windows of {size} rows"
            found[f"{name}: false alarms, {title}"] = _figure(alarms, "share", GOAL_FALSE)
            found[f"{name}: warnings, {title}"] = _figure(warnings, "share", None)
        delays = {shift: delay(where, shift) for shift in SHIFTS[name]}
        for shift, seconds in delays.items():
            title = f"{name}: delay, {shift.column} share {shift.share:g} amount {shift.amount:g}"
            found[title] = _figure(seconds, "s of data", GOAL_DELAY_S)
    return found


def _figure(value: float, unit: str, goal: float | None) -> dict[str, Any]:
    return {"value": value, "unit": unit, "goal": goal, "ok": goal is None or value <= goal}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = figures(options.quick)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for name, one in found.items():
        print(f"{'ok  ' if one['ok'] else 'MISS'} {name}: {one['value']:g} {one['unit']} (goal {one['goal']})")


if __name__ == "__main__":
    main()
