"""One cell's experiments, simulated in batches that fit into memory: how each ends by the rules of now and before."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.peeking_before import Ends, first_signs, judge_before
from benchmarks.peeking_cells import Cell
from benchmarks.peeking_check import Mismatch, mismatches
from benchmarks.peeking_counts import Counts, count
from benchmarks.peeking_data import plan_of
from benchmarks.peeking_people import People, draw
from benchmarks.peeking_rules import BETTER, GUARDRAIL, UNHEALTHY, WORSE, judge_counts
from benchmarks.peeking_statistics import Bools, Floats, Means, difference, mean_of
from contender.experiment.plan import Plan, units_needed

ALPHA: Final = 0.05
PEOPLE_AT_ONCE: Final = 300_000
Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a cell's experiments, as parts of all of them; `units` until the verdict, the median.

    `unsound` are held as unsound at the last look, when all values are final. `before_part` is what the judge before
    did of what is expected, `before_units` its median; None where its rule cannot be simulated on these people.
    """

    cell: Cell
    experiments: int
    promoted: float
    rolled_back: float
    unsound: float
    units: float
    z_alarms: float
    before_part: float
    before_units: float | None
    mismatches: tuple[Mismatch, ...]

    @property
    def verdicts(self) -> float:
        """Promoted or rolled back."""
        return self.promoted + self.rolled_back


@dataclass(frozen=True, slots=True)
class _Batch:
    now: Ends
    unsound: Bools
    z_alarms: Bools
    before: Ends | None
    mismatches: tuple[Mismatch, ...]


def run(cell: Cell, experiments: int, checked: int) -> Found:
    """That many experiments of the cell, of which the first `checked` are looked at by the judge too."""
    batches = list(_batches(cell, experiments, checked))
    promoted, rolled_back, units = (np.concatenate(parts) for parts in zip(*(one.now for one in batches), strict=True))
    before_part, before_units = 0.0, None
    ends = [one.before for one in batches if one.before is not None]
    if ends:
        up, down, spent = (np.concatenate(parts) for parts in zip(*ends, strict=True))
        before_part = float((up if cell.expected == "promote" else down).mean())
        before_units = float(np.median(spent))
    return Found(
        cell,
        experiments,
        float(promoted.mean()),
        float(rolled_back.mean()),
        float(np.concatenate([one.unsound for one in batches]).mean()),
        float(np.median(units)),
        float(np.concatenate([one.z_alarms for one in batches]).mean()),
        before_part,
        before_units,
        tuple(mismatch for one in batches for mismatch in one.mismatches),
    )


def planned_cell() -> Cell:
    """A cell with the planned effect and the planned units: it must be found with the planned power."""
    plan = Plan()
    sample = draw(Cell("sample", reward="brier", missing=0.0, reviews=0.0), 50, np.random.default_rng(0)).value
    need = units_needed(plan, float(sample.var())).units
    gain = plan.smallest_effect / float(1.0 - sample.mean())
    return Cell(
        "planned",
        reward="brier",
        effect=gain,
        people=need,
        missing=0.0,
        reviews=0.0,
        expected="promote",
        goal=plan.power,
    )


def _batches(cell: Cell, experiments: int, checked: int) -> Iterator[_Batch]:
    plan = plan_of(cell, ALPHA)
    size = max(1, PEOPLE_AT_ONCE // cell.people)
    for number, begin in enumerate(range(0, experiments, size)):
        here = min(size, experiments - begin)
        seed = [zlib.crc32(cell.name.encode()), number]
        people = draw(cell, here, np.random.Generator(np.random.SFC64(seed)))
        counts = count(cell, people, here)
        judged = judge_counts(cell, counts, plan)
        signs = np.where(judged.rule == BETTER, 1, np.where(np.isin(judged.rule, (WORSE, GUARDRAIL)), -1, 0))
        checks = min(here, max(0, checked - begin))
        yield _Batch(
            first_signs(signs, judged.units),
            (judged.rule[:, -1] == UNHEALTHY).any(axis=-1),
            _z_alarms(counts),
            _before(cell, people, here, seed),
            tuple(mismatches(cell, counts, judged, plan, checks)),
        )


def _before(cell: Cell, people: People, experiments: int, seed: list[int]) -> Ends | None:
    """The former judge on the same people; on a ramp, on people of the same seed dealt by its rule.

    None where there is no effect on the metric, and of people who come back, whom its rule moves between the arms.
    """
    if cell.visits > 1 or cell.selected != 1.0 or cell.expected in ("nothing", "unsound"):
        return None
    if len(cell.ramp) > 1:
        rng = np.random.Generator(np.random.SFC64(seed))
        people = draw(cell, experiments, rng, growing=True)
    return judge_before(cell, people, experiments)


def _z_alarms(counts: Counts) -> Bools:
    """Whether a z-test of the first challenger would have had p < .05 at some look with 50 units in each arm."""
    values = counts.values
    arms = []
    for arm in (0, 1):
        n: Floats = values.n[..., arm]
        arms.append(Means(n, *mean_of(n, values.total[..., arm], values.squares[..., arm]), n))
    estimate, error = difference(arms[0], arms[1], floor=False)
    enough = np.minimum(arms[0].n, arms[1].n) >= 50
    return np.asarray((enough & (np.abs(estimate) > Z * error)).any(axis=1))
