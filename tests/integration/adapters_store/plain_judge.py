"""What is to be decided on an experiment's figures at its only look, from the rules as docs/statistics.md states them.

A judge of its own beside `contender.experiment`, from which nothing comes: in go figures by name (such as
``champion assigned``) and a plan's terms as plain JSON values, out come plain JSON values by challenger.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from tests.integration.adapters_store.plain_guardrails import Arm, Pair, arm_of, guardrails, mean_of_arm, missing
from tests.integration.adapters_store.plain_statistics import (
    Mean,
    dealt_otherwise,
    dealt_otherwise_alike,
    error_of,
    holm,
    trimmed,
    two_sided,
)
from tests.integration.adapters_store.plain_strata import adjusted_means

BUCKETS = 10_000
Shares = dict[str, float]


class Trial(NamedTuple):
    """What is judged: all figures, the plan's terms, the steps of the ramp, and whether it began under the old rule.

    `steps` are the routing generation that each began with, and the challengers' share of all people.
    """

    found: Mapping[str, float]
    plan: Mapping[str, Any]
    steps: tuple[tuple[int, float], ...]
    old: bool

    @property
    def arms(self) -> list[str]:
        """The champion and its challengers."""
        names = {name.split()[0] for name in self.found if name.endswith(" assigned")}
        return ["champion", *sorted(names - {"champion"})]

    @property
    def level(self) -> float:
        """What earlier experiments of the same versions left of alpha."""
        return float(self.plan["alpha"] / (1 + self.plan["restarts"] * self.plan["divide_alpha"]))

    @property
    def margin(self) -> float:
        """How much worse a challenger may be that is promoted nevertheless."""
        return float(self.plan["non_inferiority_margin"])

    @property
    def generations(self) -> list[int]:
        """The phases in which units were first seen."""
        return sorted({int(name.split()[1]) for name in self.found if name.startswith("phase ")})

    @property
    def moved(self) -> bool:
        """Whether the ramp moved people between the arms: only the old rule's did."""
        return self.old and len(self.steps) > 1

    def counts(self, generation: int, kind: str = "units") -> list[float]:
        """Of a phase, by arm."""
        return [self.found.get(f"phase {generation} {arm} {kind}", 0.0) for arm in self.arms]

    def shares(self, generation: int) -> list[float]:
        """How people fall on the arms in that phase."""
        step = [share for begun, share in self.steps if begun <= generation][-1]
        share = step if self.old else self.plan["challenger_share"]
        rivals = len(self.arms) - 1
        first = BUCKETS - round(share * BUCKETS)
        edges = [first + (BUCKETS - first) * at // rivals for at in range(rivals + 1)]
        widths = [first, *(high - low for low, high in pairwise(edges))]
        # Under the new rule a step covers the first part of every range, to the bucket; the others do not count.
        part = 1.0 if self.old else step / share
        covered = [round(width * part) for width in widths]
        return [one / sum(covered) for one in covered]


class Effect(NamedTuple):
    """Challenger minus champion of the primary metric."""

    effect: float | None
    interval: tuple[float, float] | None
    p_value: float
    units: tuple[float, float]


def verdicts(trial: Trial) -> dict[str, dict[str, Any]]:
    """The verdict on each challenger by its name."""
    champion = arm_of(trial.found, "champion", trial.plan)
    rivals = [arm_of(trial.found, name, trial.plan) for name in trial.arms[1:]]
    effects = [_effect(champion, rival, trial) for rival in rivals]
    adjusted = holm([effect.p_value for effect in effects])
    return {
        rival.name: _verdict(trial, (champion, rival), effect, p)
        for rival, effect, p in zip(rivals, effects, adjusted, strict=True)
    }


def speaks(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Whose verdict is the experiment's: a breach, else the largest effect to promote, else who is still open."""
    breached = [name for name, one in found.items() if one["rule"] == "guardrail"]
    promoted = [name for name, one in found.items() if one["decision"] == "promote"]
    promoted.sort(key=lambda name: -float(found[name]["effect"]))
    held = [name for name, one in found.items() if one["decision"] == "hold"]
    return [*breached, *promoted, *held, *found][0]


def _effect(champion: Arm, rival: Arm, trial: Trial) -> Effect:
    means = [mean_of_arm(arm.primary, trial.plan) for arm in (champion, rival)]
    first, second = means
    if first is None or second is None:
        counted = [0.0 if mean is None else mean.units for mean in means]
        return Effect(None, None, 1.0, (counted[0], counted[1]))
    units = (first.units, second.units)
    if trial.plan["covariate"] and champion.strata and rival.strata:
        first, second = adjusted_means((champion.strata, rival.strata), (champion.weight, rival.weight))
    return _compared(first, second, units, trial)


def _compared(first: Mean, second: Mean, units: tuple[float, float], trial: Trial) -> Effect:
    effect = second.mean - first.mean
    tuning = float(trial.plan["tuning_units"])
    # Of two samples; the p-value is against being worse by just the margin that the plan allows.
    terms = error_of(first, second), first.units + second.units, trial.level, tuning
    reach, _ = two_sided(effect, *terms)
    _, p_value = two_sided(effect + trial.margin, *terms)
    return Effect(effect, (max(effect - reach, -1.0), min(effect + reach, 1.0)), p_value, units)


def _verdict(trial: Trial, pair: tuple[Arm, Arm], effect: Effect, p: float) -> dict[str, Any]:
    srm_p = math.exp(-max(0.0, _ratio(trial)))
    guarded = guardrails(Pair(*pair, trial.plan), _incidents(trial, pair[1].name))
    breached = any(one["breached"] for one in guarded.values())
    faults = _faults(trial, pair, srm_p) + ["old-rule"] * (breached and trial.moved and len(trial.generations) > 1)
    side = _side(effect.interval, trial.margin) if p <= trial.level else "unclear"
    firm = [fault for fault in faults if fault != "missing" or not _stands(pair, effect, side, trial)]
    rule, decision = _rule(trial, effect, side, guarded, firm)
    return {
        "decision": decision,
        "rule": rule,
        "effect": effect.effect,
        "interval": effect.interval,
        "p_value": effect.p_value,
        "units": sum(effect.units),
        "srm_p": srm_p,
        "faults": faults,
        "guardrails": guarded,
    }


def _rule(
    trial: Trial, effect: Effect, side: str, guarded: Mapping[str, Mapping[str, Any]], faults: list[str]
) -> tuple[str, str]:
    """The first that applies, in the order of the table."""
    plan = trial.plan
    high = math.inf if effect.interval is None else effect.interval[1]
    waits = any(one["required"] and one["state"] != "passed" for one in guarded.values())
    table = (
        ("guardrail", "roll back", any(one["breached"] for one in guarded.values()) and "old-rule" not in faults),
        ("unhealthy", "hold", bool(faults)),
        ("too-few", "hold", min(effect.units) < plan["min_units"]),
        ("worse", "roll back", side == "worse"),
        ("guardrail-open", "hold", side == "better" and waits),
        ("better", "promote", side == "better"),
        ("futile", "hold", high < plan["smallest_effect"] and not trial.margin),
        ("exhausted", "hold", sum(effect.units) >= plan["horizon_units"]),
        ("undecided", "hold", True),
    )
    return next((rule, decision) for rule, decision, applies in table if applies)


def _side(interval: tuple[float, float] | None, margin: float) -> str:
    if interval is None or interval[0] <= -margin <= interval[1]:
        return "unclear"
    return "better" if interval[0] > -margin else "worse"


def _stands(pair: tuple[Arm, Arm], effect: Effect, side: str, trial: Trial) -> bool:
    """Whether the verdict is the same wherever missing outcomes lie, at both of Lee's bounds."""
    if side == "unclear" or effect.interval is None or effect.effect is None:
        return False
    first, second = (_with_and_without(arm.primary, trial.plan["review_value"]) for arm in pair)
    (low, high), (floor, top) = trimmed(first, second), trimmed(second, first)
    below = floor - high - (effect.effect - effect.interval[0])
    above = top - low + (effect.interval[1] - effect.effect)
    return _side((below, above), trial.margin) == side


def _with_and_without(seen: Mapping[str, float], price: float) -> tuple[float, float, float]:
    """How many units have a value, their sum, how many lack one."""
    known = seen["n"] + seen["reviewed"]
    return known, seen["total"] + seen["reviewed"] * price, seen["matured"] - known


def _ratio(trial: Trial) -> float:
    """The log Bayes factor of units falling on the arms otherwise than by their shares."""
    phases = [(trial.counts(one), trial.shares(one)) for one in trial.generations]
    concentration = float(trial.plan["ratio_concentration"])
    if trial.moved:
        return sum(dealt_otherwise(counts, shares, concentration) for counts, shares in phases)
    return dealt_otherwise_alike(phases, phases[-1][1], concentration)


def _incidents(trial: Trial, rival: str) -> dict[str, float]:
    """The same of each kind of incident falling on the champion's and the challenger's units."""
    found, places = {}, (0, trial.arms.index(rival))
    for kind in ("fallback", "error", "slow"):
        phases = []
        for one in trial.generations:
            counts, shares = trial.counts(one, f"{kind}_units"), trial.shares(one)
            whole = sum(shares[at] for at in places)
            phases.append(([counts[at] for at in places], [shares[at] / whole for at in places]))
        # A broken challenger takes nearly all incidents: any share is as likely.
        prior = [sum(shares[at] for _, shares in phases) / len(phases) for at in (0, 1)]
        found[kind] = math.exp(-max(0.0, dealt_otherwise_alike(phases, prior, 2.0)))
    return found


def _faults(trial: Trial, pair: tuple[Arm, Arm], srm_p: float) -> list[str]:
    plan, found = trial.plan, trial.found
    assigned = sum(found[f"{arm} assigned"] for arm in trial.arms)
    crossed, contradictory = (max(1, math.floor(plan[f"max_{kind}_share"] * assigned)) for kind in _ODD)
    checks = {
        "sample-ratio": srm_p <= plan["ratio_alpha"],
        "missing": missing(pair[0].primary, pair[1].primary) <= plan["ratio_alpha"],
        "covariate": bool(plan["covariate"]) and _balance(trial) <= plan["ratio_alpha"],
        "crossed": found.get("crossed", 0.0) > crossed,
        "contradictory": found.get("contradictory", 0.0) > contradictory,
    }
    return [kind for kind, wrong in checks.items() if wrong]


_ODD = ("crossed", "contradictory")


def _balance(trial: Trial) -> float:
    """The p-value of the units of every bin of the covariate falling on the arms by the shares: of the mean e-value."""
    bins = {name.split()[2] for name in trial.found if " covariate " in name}
    evidence = [
        math.exp(dealt_otherwise(counts, trial.shares(trial.generations[-1]), trial.plan["ratio_concentration"]))
        for counts in ([trial.found.get(f"{arm} covariate {one}", 0.0) for arm in trial.arms] for one in bins)
    ]
    return min(1.0, len(evidence) / sum(evidence)) if evidence else 1.0
