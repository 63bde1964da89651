"""What may not deteriorate, by the rules of docs/statistics.md, from figures by name; nothing of ours."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.integration.adapters_store.plain_statistics import (
    Mean,
    Share,
    above,
    error_of,
    excess,
    falls_short,
    rate,
    sample_mean,
    whole_variance,
)

FOUR_FIFTHS, SMALLEST_PART = 0.8, 0.02
Found = Mapping[str, float]
Terms = Mapping[str, Any]
Tests = tuple[float, float]
"""The p-values of harm within the margin, and of harm beyond it."""


class Arm(NamedTuple):
    """One arm's figures, without its name before them."""

    name: str
    found: Found
    primary: Found
    strata: Found
    groups: dict[str, Found]

    @property
    def weight(self) -> float:
        """How many answered units each stands for that has a value."""
        answered = self.primary["matured"] - self.primary["reviewed"]
        return answered / self.primary["n"] if self.primary["n"] else 1.0

    def units(self, kind: str) -> Share:
        """So many of the arm's units."""
        return self.found[kind], self.found["assigned"]


class Pair(NamedTuple):
    """Champion and challenger under a plan."""

    champion: Arm
    rival: Arm
    plan: Terms

    @property
    def level(self) -> float:
        """Each one's part: of four rates, of the plan's guardrails, and of the groups together."""
        return float(self.plan["guardrail_alpha"]) / (5 + len(self.metrics))

    @property
    def metrics(self) -> list[Terms]:
        """The plan's metrics that are guardrails."""
        return [metric for metric in self.plan["metrics"] if metric["role"] == "guardrail"]


def arm_of(found: Found, name: str, plan: Terms) -> Arm:
    """That arm, of all figures. The primary metric is the task's reward."""
    mine = _under(found, name)
    groups = {key.rsplit(" ", 1)[0] for key in _under(mine, "group")}
    assert not any(metric["role"] == "primary" for metric in plan["metrics"])
    by_group: dict[str, Found] = {group: _under(mine, f"group {group}") for group in sorted(groups)}
    return Arm(name, mine, _under(mine, "reward"), _under(mine, "stratum"), by_group)


def mean_of_arm(seen: Found, plan: Terms) -> Mean | None:
    """Of two strata, reviewed at the price of a review and answered, weighted by all their units."""
    answered, known = seen["matured"] - seen["reviewed"], seen["n"]
    if not seen["matured"] or (answered and not known):
        return None
    price, part = float(plan["review_value"] if plan["review_value"] is not None else 0.5), answered / seen["matured"]
    units = known + seen["reviewed"]
    if not known:
        return Mean(units, price, 0.0)
    own = sample_mean(known, seen["total"], seen["squares"])
    squared_error = part**2 * own.variance / known + part * (1 - part) * (own.mean - price) ** 2 / seen["matured"]
    return Mean(units, part * own.mean + (1 - part) * price, squared_error * units)


def missing(first: Found, second: Found) -> float:
    """The p-value of as many answered units having a value in both arms."""
    one, other = ((seen["n"], seen["matured"] - seen["reviewed"]) for seen in (first, second))
    return min(excess(one, other), excess(other, one))


def guardrails(pair: Pair, incidents: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Every guardrail by name; `incidents` are p-values of incidents falling on the two arms by their shares."""
    found = {}
    for kind in ("fallback", "error", "slow", "review"):
        margin = float(pair.plan[f"{kind}_margin"])
        first, second = (arm.units(f"{kind}_units") for arm in (pair.champion, pair.rival))
        harm = max(excess(first, second, margin), incidents.get(kind, 0.0))
        tests = harm, excess(second, first, -margin)
        found[kind] = _guardrail((rate(first), rate(second)), tests, pair.level, margin)
    found |= {str(metric["name"]): _metric(pair, metric) for metric in pair.metrics}
    return found | dict(_groups(pair))


def _guardrail(
    rates: tuple[float | None, float | None], tests: Tests, level: float, margin: float, *, required: bool = False
) -> dict[str, Any]:
    harm, safe = tests
    return {
        "champion": rates[0],
        "challenger": rates[1],
        "p": harm,
        "breached": harm <= level,
        "state": "breached" if harm <= level else "passed" if safe <= level else "open",
        "margin": margin,
        "safe_p": safe,
        "required": required,
    }


def _metric(pair: Pair, metric: Terms) -> dict[str, Any]:
    """A mean that has a value when nothing came, so that none is missing."""
    assert (metric["type"], metric["direction"]) == ("mean", "up")
    assert metric["default"] is not None
    means = [mean_of_arm(_under(arm.found, metric["name"]), pair.plan) for arm in (pair.champion, pair.rival)]
    tests = _margin_tests(means, metric["margin"], pair.plan["min_units"], pair)
    first, second = means
    rates = (first.mean, second.mean) if first and second else (None, None)
    return _guardrail(rates, tests, pair.level, metric["margin"], required=metric["required"])


def _margin_tests(
    means: list[Mean | None], margin: float, least: float, pair: Pair, level: float | None = None
) -> Tests:
    first, second = means
    if first is None or second is None or min(first.units, second.units) < least:
        return 1.0, 1.0
    error, units = error_of(first, second), first.units + second.units
    terms = units, level or pair.level, pair.plan["tuning_units"]
    gain = second.mean - first.mean + margin
    return above(-gain, error, *terms), above(gain, error, *terms)


def _groups(pair: Pair) -> Iterator[tuple[str, dict[str, Any]]]:
    mine, theirs, plan = pair.champion.groups, pair.rival.groups, pair.plan
    both = [name for name in mine if name in theirs]
    level = pair.level / max(1, len(both) * (2 if plan["favourable_label"] else 1))
    for name in both:
        means = [mean_of_arm(group, plan) for group in (mine[name], theirs[name])]
        first, second = means
        if first is None or second is None or min(first.units, second.units) < plan["group_units"]:
            continue
        tests = _margin_tests(means, plan["group_margin"], 0, pair, level)
        # A truth that is missing more often in one arm, or in one arm's part of the group, shows nothing.
        gaps = (missing(pair.champion.primary, pair.rival.primary), missing(mine[name], theirs[name]))
        tests = (1.0, 1.0) if min(gaps) <= plan["ratio_alpha"] else tests
        yield f"reward {name}", _guardrail((first.mean, second.mean), tests, level, plan["group_margin"])
    if plan["favourable_label"]:
        yield from _impacts(mine, theirs, plan, level)


def _impacts(
    mine: Mapping[str, Found], theirs: Mapping[str, Found], plan: Terms, level: float
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Impact ratios of the one attribute that there is: surely under four fifths, and surely lower than it was."""
    before, after = _selected(mine), _selected(theirs)
    if not any(x for x, _ in before.values()) or not any(x for x, _ in after.values()):
        return
    for name in after.keys() & before.keys():
        if after[name][1] >= plan["group_units"]:
            ratios = tuple(rate(counts[name]) / rate(counts[_best(counts)]) for counts in (before, after))
            safe = falls_short(after[name], after[_best(after)], 1 / FOUR_FIFTHS)
            harm = falls_short(after[_best(after)], after[name], FOUR_FIFTHS) if ratios[1] < ratios[0] else 1.0
            if harm <= level:
                harm = max(harm, _lower(before, after, name, (level, plan["tuning_units"])))
            yield f"impact {name}", _guardrail((ratios[0], ratios[1]), (harm, safe), level, 0.0)


def _selected(groups: Mapping[str, Found]) -> dict[str, Share]:
    """Selected people and all people of the groups that are large enough to be compared."""
    counts = {name: (group["selected"], group["units"]) for name, group in groups.items() if group["units"]}
    people = sum(units for _, units in counts.values())
    return {name: count for name, count in counts.items() if count[1] >= SMALLEST_PART * people}


def _best(counts: Mapping[str, Share]) -> str:
    return max(counts, key=lambda name: rate(counts[name]))


def _lower(before: Mapping[str, Share], after: Mapping[str, Share], name: str, terms: tuple[float, float]) -> float:
    """The p-value of the ratio not being lower than it was, by the delta method (Deng, Knoblich and Lu 2018)."""
    ratios, squares, people = [], [], 0.0
    for counts in (before, after):
        group, best = (_floored(one, before, after, counts) for one in (name, _best(counts)))
        ratio = group.mean / best.mean
        squares.append((group.squared_error + ratio**2 * best.squared_error) / best.mean**2)
        ratios.append(ratio)
        people += group.units + best.units
    return above(ratios[0] - ratios[1], math.sqrt(sum(squares)), people, *terms)


def _floored(name: str, before: Mapping[str, Share], after: Mapping[str, Share], counts: Mapping[str, Share]) -> Mean:
    """A rate whose variance is at least that of both arms together: none selected is evidence, not certainty."""
    first, second = (
        Mean(one[name][1], rate(one[name]), rate(one[name]) * (1 - rate(one[name]))) for one in (before, after)
    )
    mine = first if counts is before else second
    return mine._replace(variance=max(mine.variance, whole_variance(first, second)))


def _under(found: Found, name: str) -> Found:
    """The figures whose names begin so, without that; 0 where there is none."""
    mine = {key.removeprefix(f"{name} "): amount for key, amount in found.items() if key.startswith(f"{name} ")}
    return defaultdict(float, mine)
