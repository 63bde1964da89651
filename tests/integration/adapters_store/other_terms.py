"""Other terms for a history's plan that change what is decided and not what is counted."""

from __future__ import annotations

import random
from dataclasses import replace

from contender.experiment.plan import Plan

_MARGINS = (0.0, 0.1, 0.5)


def other_terms(plan: Plan, seed: int, count: int) -> list[Plan]:
    """So many plans with other levels, margins, priors and least numbers of units; always the same ones of a seed."""
    chance = random.Random(seed + 1_000)
    return [_other(plan, chance) for _ in range(count)]


def _other(plan: Plan, chance: random.Random) -> Plan:
    least = chance.choice((100, 100, 150, 400))
    return replace(
        plan,
        alpha=10 ** chance.uniform(-4, -0.5),
        restarts=chance.choice((0, 0, 2)),
        divide_alpha=chance.random() < 0.7,
        tuning_units=chance.choice((200, 1_000, 20_000)),
        smallest_effect=chance.choice((0.001, 0.05, 0.3, 0.9)),
        non_inferiority_margin=chance.choice((0.0, 0.0, 0.1, 0.3)),
        min_units=least,
        horizon_units=chance.choice((2 * least, 50_000)),
        ratio_alpha=chance.choice((1e-9, 1e-9, 0.01, 0.4)),
        ratio_concentration=10 ** chance.uniform(0, 4),
        guardrail_alpha=10 ** chance.uniform(-4, -0.5),
        group_units=chance.choice((100, 250)),
        max_crossed_share=chance.choice((0.9, 0.9, 0.01)),
        max_contradictory_share=chance.choice((0.9, 0.9, 0.01)),
        metrics=tuple(
            replace(metric, margin=chance.choice((0.01, 2.0, 9.0)), required=chance.random() < 0.7)
            if metric.role == "guardrail"
            else metric
            for metric in plan.metrics
        ),
        fallback_margin=chance.choice(_MARGINS),
        error_margin=chance.choice(_MARGINS),
        slow_margin=chance.choice(_MARGINS),
        review_margin=chance.choice(_MARGINS),
        group_margin=chance.choice(_MARGINS),
    )
