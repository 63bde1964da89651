"""Experiments simulated and looked at again and again: how often does the verdict err, how often does it find?

``python -m benchmarks.peeking [--quick] [--json] [--data FILE]``. Every look goes through `judge`, with realistic
noise in all that it reads: rewards, assignment, missing outcomes, fallbacks, errors, slow answers, reviews, protected
groups and what they are told. For comparison, what the usual z-test and chi-square test would have cried at the same
looks. With a file of real people, what CUPED saves on them.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.peeking_courses import LOOKS, Course, Floats, Rewards, Scenario, course
from contender.experiment.decision import Verdict, judge
from contender.experiment.evidence import Look
from contender.experiment.plan import Plan, units_needed

GUARDRAILS = 6
"""Of which each may cry at the plan's level: four rates, and rewards and impact ratios of groups, each set divided."""


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
    ends = [_follow(course(scenario, rng), plan) for _ in range(experiments)]
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
        seen = course(scenario, rng)
        means = seen.totals / seen.units
        variances = seen.squares / seen.units - means**2
        error = np.sqrt((variances / seen.units).sum(axis=1))
        z_alarms += bool((np.abs(means[:, 1] - means[:, 0]) > ndtri(0.975) * error).any())
        expected = seen.units.sum(axis=1, keepdims=True) / 2
        ratio_alarms += bool((chdtrc(1, ((seen.units - expected) ** 2 / expected).sum(axis=1)) < 0.05).any())
    return z_alarms / experiments, ratio_alarms / experiments


def figures(*, quick: bool) -> dict[str, dict[str, Any]]:
    """All figures by name: value, unit, goal, and whether it is met."""
    experiments = 250 if quick else 1_000
    plan = Plan(favourable_label="invite")
    found: dict[str, dict[str, Any]] = {}
    for number, (name, scenario) in enumerate(SAME.items()):
        tally = run(scenario, plan, experiments, seed=number)
        found[f"false_verdicts_{name}"] = _below(tally.verdicts, plan.alpha)
        found[f"false_guardrail_rollbacks_{name}"] = _within(
            tally.guardrail, GUARDRAILS * plan.guardrail_alpha, experiments
        )
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


def _follow(seen: Course, plan: Plan) -> tuple[Verdict, int]:
    """The first verdict that is not hold, else the last, and the units it saw."""
    look: Look | None = None
    for data in seen.looks():
        verdict = judge(data, plan, look)
        if verdict.decision != "hold":
            break
        look = verdict.look
    return verdict, verdict.units


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
