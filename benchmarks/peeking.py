"""Experiments simulated and looked at again and again: how often does the verdict err, how often does it find?

``python -m benchmarks.peeking [--quick] [--json] [--data FILE]``. Every look goes through `judge`, with realistic
noise in all that it reads: rewards, assignment, missing outcomes, fallbacks, errors, slow answers, reviews. For
comparison, what the usual z-test and chi-square test would have cried at the same looks. With a file of real people,
what CUPED saves on them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contender.experiment.data import ArmData, ExperimentData, Phase, Sample
from contender.experiment.decision import Verdict, judge
from contender.experiment.evidence import Look
from contender.experiment.plan import Plan, units_needed
from contender.values import CHALLENGER, CHAMPION

LOOKS = 100
INCIDENT_RATES = (0.01, 0.1, 0.002, 0.05, 0.7)
"""Of fallbacks, reviews, answers by nobody, slow answers, and of units that have an outcome already."""

Floats = NDArray[np.float64]
Rewards = Callable[[np.random.Generator, int], Floats]


class Scenario(NamedTuple):
    """A kind of experiment: one arm's rewards, what the challenger gains on them, units of both arms, the ramp.

    `gain` is the part of what a reward lacks to 1 that the challenger makes good; negative, the part of it that it
    loses. `ramp` lists (share of the challenger, looks at that share).
    """

    rewards: Rewards
    gain: float = 0.0
    units: int = 10_000
    ramp: tuple[tuple[float, int], ...] = ((0.5, LOOKS),)


class Tally(NamedTuple):
    """What became of the simulated experiments, as parts of all of them; `units` on average until the last look."""

    promoted: float
    rolled_back: float
    guardrail: float
    ratio_alarms: float
    missing_alarms: float
    units: float

    @property
    def verdicts(self) -> float:
        """Promoted or rolled back."""
        return self.promoted + self.rolled_back


@dataclass(frozen=True, slots=True)
class _Course:
    """One experiment: running totals at each look, arrays of shape (looks,) or (looks, 2), champion first."""

    shares: Floats
    units: NDArray[np.int64]
    totals: Floats
    squares: Floats
    fallbacks: NDArray[np.int64]
    reviews: NDArray[np.int64]
    errors: NDArray[np.int64]
    slow: NDArray[np.int64]
    outcomes: NDArray[np.int64]


def brier(rng: np.random.Generator, count: int) -> Floats:
    """Rewards of a calibrated model: one minus the squared error of its probability."""
    probability = rng.beta(2.0, 5.0, count)
    return 1.0 - np.square(probability - (rng.random(count) < probability))


def bernoulli(rate: float) -> Rewards:
    """Rewards of 0 or 1."""
    return lambda rng, count: (rng.random(count) < rate).astype(np.float64)


SAME = {
    "brier": Scenario(brier),
    "bernoulli": Scenario(bernoulli(0.3)),
    "rare": Scenario(bernoulli(0.05)),
    "ramp": Scenario(brier, ramp=((0.01, 10), (0.1, 20), (0.5, LOOKS - 30))),
}
"""Experiments without effect, by name."""


def run(scenario: Scenario, plan: Plan, experiments: int, seed: int) -> Tally:
    """What `judge` does with that many experiments, each looked at until its first verdict or to its end."""
    rng = np.random.default_rng(seed)
    ends = [_follow(_course(scenario, rng), plan) for _ in range(experiments)]
    decisions = [end.decision for end, _ in ends]
    return Tally(
        promoted=decisions.count("promote") / experiments,
        rolled_back=decisions.count("roll back") / experiments,
        guardrail=sum(end.rule == "guardrail" for end, _ in ends) / experiments,
        ratio_alarms=sum(end.srm_p <= plan.ratio_alpha for end, _ in ends) / experiments,
        missing_alarms=sum(end.look.missing_p <= plan.ratio_alpha for end, _ in ends) / experiments,
        units=sum(units for _, units in ends) / experiments,
    )


def naive(scenario: Scenario, experiments: int, seed: int) -> tuple[float, float]:
    """The parts of experiments in which a z-test, and a chi-square test of the ratio, had p < 0.05 at some look."""
    from scipy.special import chdtrc, ndtri

    rng = np.random.default_rng(seed)
    z_alarms = ratio_alarms = 0
    for _ in range(experiments):
        course = _course(scenario, rng)
        means = course.totals / course.units
        variances = course.squares / course.units - means**2
        error = np.sqrt((variances / course.units).sum(axis=1))
        z_alarms += bool((np.abs(means[:, 1] - means[:, 0]) > ndtri(0.975) * error).any())
        expected = course.units.sum(axis=1, keepdims=True) / 2
        ratio_alarms += bool((chdtrc(1, ((course.units - expected) ** 2 / expected).sum(axis=1)) < 0.05).any())
    return z_alarms / experiments, ratio_alarms / experiments


def figures(*, quick: bool) -> dict[str, dict[str, Any]]:
    """All figures by name: value, unit, goal, and whether it is met."""
    experiments = 250 if quick else 1_000
    plan = Plan()
    found: dict[str, dict[str, Any]] = {}
    for number, (name, scenario) in enumerate(SAME.items()):
        tally = run(scenario, plan, experiments, seed=number)
        found[f"false_verdicts_{name}"] = _below(tally.verdicts, plan.alpha)
        found[f"false_guardrail_rollbacks_{name}"] = _within(tally.guardrail, 4 * plan.guardrail_alpha, experiments)
        found[f"false_ratio_alarms_{name}"] = _within(tally.ratio_alarms, plan.ratio_alpha, experiments)
        found[f"false_missing_alarms_{name}"] = _within(tally.missing_alarms, plan.ratio_alpha, experiments)
    z_alarms, ratio_alarms = naive(SAME["brier"], experiments, seed=0)
    found["false_alarms_of_a_z_test"] = _compared(z_alarms, plan.alpha)
    found["false_alarms_of_a_chi_square_test"] = _compared(ratio_alarms, plan.alpha)
    return found | _power(plan, experiments)


def _power(plan: Plan, experiments: int) -> dict[str, dict[str, Any]]:
    """What happens when the planned effect is there and the planned units are spent."""
    sample = brier(np.random.default_rng(0), 1_000_000)
    need = units_needed(plan, float(sample.var()))
    gain = plan.smallest_effect / float(1.0 - sample.mean())
    tally = run(Scenario(brier, gain, need.units), replace(plan, horizon_units=2 * need.units), experiments, seed=9)
    return {
        "power_at_planned_effect": {
            "value": round(100 * tally.promoted, 2),
            "unit": "%",
            "goal": f">= {100 * plan.power:g}",
            "ok": tally.promoted >= plan.power,
        },
        "units_planned": {"value": need.units, "unit": "units", "goal": "stated", "ok": True},
        "units_until_verdict": {
            "value": round(tally.units),
            "unit": "units",
            "goal": f"< {need.units}",
            "ok": tally.units < need.units,
        },
    }


def _follow(course: _Course, plan: Plan) -> tuple[Verdict, int]:
    """The first verdict that is not hold, else the last, and the units it saw."""
    look: Look | None = None
    for data in _looks(course):
        verdict = judge(data, plan, look)
        if verdict.decision != "hold":
            break
        look = verdict.look
    return verdict, verdict.units


def _course(scenario: Scenario, rng: np.random.Generator) -> _Course:
    batch = scenario.units // LOOKS
    shape = (LOOKS, batch)
    shares = np.repeat([share for share, _ in scenario.ramp], [looks for _, looks in scenario.ramp])
    challenger = rng.random(shape) < shares[:, None]
    rewards = scenario.rewards(rng, LOOKS * batch).reshape(shape)
    room = 1.0 - rewards if scenario.gain > 0.0 else rewards
    rewards = rewards + np.where(challenger, scenario.gain, 0.0) * room
    everyone = np.ones(shape)
    return _Course(
        shares,
        _by_arm(everyone, challenger).astype(np.int64),
        _by_arm(rewards, challenger),
        _by_arm(rewards**2, challenger),
        *(_by_arm(rng.random(shape) < rate, challenger).astype(np.int64) for rate in INCIDENT_RATES),
    )


def _by_arm(values: NDArray[Any], challenger: NDArray[np.bool_]) -> Floats:
    """Running totals by look: shape (looks, 2), champion first."""
    split = np.stack([(values * ~challenger).sum(axis=1), (values * challenger).sum(axis=1)], axis=1)
    return np.asarray(split.cumsum(axis=0), dtype=np.float64)


def _looks(course: _Course) -> Iterator[ExperimentData]:
    ends = [*np.flatnonzero(np.diff(course.shares)).tolist(), LOOKS - 1]
    for at in range(LOOKS):
        arms = {name: _arm(course, at, arm) for arm, name in enumerate((CHAMPION, CHALLENGER))}
        yield ExperimentData(arms, crossed_units=0, phases=tuple(_phases(course, at, ends)))


def _arm(course: _Course, at: int, arm: int) -> ArmData:
    units = int(course.units[at, arm])
    incidents = (course.fallbacks, course.reviews, course.errors, course.slow, course.outcomes)
    fallbacks, reviews, errors, slow, outcomes = (int(counts[at, arm]) for counts in incidents)
    reward = Sample(units, float(course.totals[at, arm]), float(course.squares[at, arm]))
    return ArmData(units, units, fallbacks, reviews, reward, fallbacks, reviews, errors, slow, outcomes)


def _phases(course: _Course, at: int, ends: list[int]) -> Iterator[Phase]:
    """The steps of the ramp up to this look; `ends` are the last looks of each step."""
    before = None
    for end in ends:
        last = min(end, at)
        share = float(course.shares[last])
        yield Phase(
            {CHAMPION: 1.0 - share, CHALLENGER: share},
            *(
                _since(counts, before, last)
                for counts in (course.units, course.fallbacks, course.errors, course.slow, course.outcomes)
            ),
        )
        if end >= at:
            return
        before = end


def _since(totals: NDArray[np.int64], before: int | None, last: int) -> dict[str, int]:
    counts = totals[last] if before is None else totals[last] - totals[before]
    return {CHAMPION: int(counts[0]), CHALLENGER: int(counts[1])}


def _below(part: float, limit: float) -> dict[str, Any]:
    return {"value": round(100 * part, 2), "unit": "%", "goal": f"< {100 * limit:g}", "ok": part < limit}


def _within(part: float, limit: float, experiments: int) -> dict[str, Any]:
    """Rare alarms, counted in few experiments, may exceed their level by 2.33 standard errors (one in a hundred)."""
    allowed = limit + 2.33 * (limit * (1.0 - limit) / experiments) ** 0.5
    goal = f"< {100 * limit:g} (+ {100 * (allowed - limit):.1f} of simulation)"
    return {"value": round(100 * part, 2), "unit": "%", "goal": goal, "ok": part < allowed}


def _compared(part: float, limit: float) -> dict[str, Any]:
    return {"value": round(100 * part, 2), "unit": "%", "goal": "for comparison", "ok": part > limit}


def main() -> int:
    """Print the figures; 0 when all goals are met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the experiments")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--data", type=Path, help="training rows of job-change: CUPED's saving on real people too")
    options = parser.parse_args()
    found = figures(quick=options.quick)
    if options.data:
        from benchmarks.saving import saving

        found |= saving(options.data)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        for name, figure in found.items():
            mark = "ok  " if figure["ok"] else "MISS"
            print(f"{mark} {name:38} {figure['value']:>8g} {figure['unit']:6} {figure['goal']}")
    return 0 if all(figure["ok"] for figure in found.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
