"""Random histories of an experiment: people who come back, records in any order, late, repeated and contradictory."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, NamedTuple

from contender.experiment.plan import Plan, stored_plan
from contender.metrics import PlannedMetric
from contender.values import Covariate, Exposure, Outcome, shadow_of

TASK = "job-change"
BEGIN, WINDOW, GRACE, END = 1_000.0, 100.0, 20.0, 5_000.0
BIG = {0: "exhausted", 4: "better", 7: "better", 13: "unhealthy", 14: "worse", 21: "guardrail"}
"""The seeds of histories with enough people for a verdict, and its rule."""
RIVALS = {2: 1, 4: 1, 9: 2, 15: 2, 25: 1, 11: 1}
"""The seeds of histories with further challengers, and how many."""
OLD = {5: ((2, 0.5),), 11: ((1, 0.2), (5, 0.5)), 19: ((1, 0.1), (5, 0.5)), 23: ((1, 0.1), (5, 0.3)), 29: ((1, 0.5),)}
"""The seeds of experiments that began before values had windows, and the steps of their ramps."""
SLOW_OF_OLD = 23
"""The seed of a large one of these whose challenger is slow."""
RULES = {**BIG, 29: "too-few"}
"""The rules of the verdicts on them, and on the one with few people whose faulty records are allowed for."""
METRICS = (
    PlannedMetric("acceptance", window_s=40.0),
    PlannedMetric("dwell", "guardrail", "mean", cap=30.0, window_s=WINDOW, default=1.0, margin=2.0),
    PlannedMetric("ctr", type="ratio", event="click", window_s=WINDOW),
    PlannedMetric("per_view", type="ratio", event="click", per="view", window_s=40.0),
    PlannedMetric("days", type="mean", default=None, cap=9.0, window_s=WINDOW),
)


class Batch(NamedTuple):
    """Records that arrive together at a moment; and whether somebody looks right after."""

    at: float
    exposures: list[Exposure]
    outcomes: list[Outcome]
    covariates: list[Covariate]
    looks: bool


class History(NamedTuple):
    """A plan and everything that arrived, in order of arrival.

    With `terms` it is an experiment of the old rule: they are what its plan was stored as, `shares` its ramp.
    """

    plan: Plan
    batches: list[Batch]
    rivals: int = 0
    terms: dict[str, Any] | None = None
    shares: tuple[tuple[int, float], ...] = ((2, 0.5),)

    def without(self, units: set[str]) -> History:
        """The same without what was of those units."""
        fewer = [
            batch._replace(
                exposures=[one for one in batch.exposures if one.unit_id not in units],
                outcomes=[one for one in batch.outcomes if f"u{one.prediction_id[1:].split('-')[0]}" not in units],
            )
            for batch in self.batches
        ]
        return self._replace(batches=fewer)


def plan_of(seed: int) -> Plan:
    """The plan of that history: with a covariate of either kind, or none."""
    return Plan(
        window_s=WINDOW,
        grace_s=GRACE,
        review_value=0.4,
        favourable_label="y",
        slow_ms=80.0,
        min_units=100,
        horizon_units=400,
        metrics=METRICS,
        covariate=("", "baseline", "history")[seed % 3],
        # Where there are people enough for a verdict, let their faulty records not stand in its way.
        max_crossed_share=0.5 if seed in BIG else 0.001,
        max_contradictory_share=0.9 if seed in BIG else 0.001,
    )


def old_terms(seed: int) -> dict[str, Any]:
    """What the plan of an experiment of the old rule was stored as: with fields that are gone, and without a window."""
    return {
        "metric": "reward",
        "outcome_days": 1.0,
        "max_late_share": 0.1,
        "leave_out_late": False,
        "favourable_label": "y",
        "slow_ms": 80.0,
        "min_units": 100,
        "horizon_units": 400,
        "max_crossed_share": 0.5 if seed == 29 else 0.001,
        "max_contradictory_share": 0.9 if seed == 29 else 0.001,
    }


def arms_of(seed: int) -> list[str]:
    """The arms of that history."""
    return ["champion", "challenger", *(f"challenger-{number + 2}" for number in range(RIVALS.get(seed, 0)))]


def history(seed: int) -> History:
    """The history of that seed."""
    chance = random.Random(seed)
    # Where outcomes are lost, groups need more people for enough of them to have a value.
    lossy = BIG.get(seed) == "unhealthy"
    people = 1_600 if lossy else 1_000 if seed in {*BIG, SLOW_OF_OLD} else 60
    sent: list[tuple[float, Exposure | Outcome | Covariate]] = []
    for number in range(people):
        sent += _before(chance, number)
        sent += _person(chance, number, arms_of(seed))
    sent = _bent(seed, sent)
    sent += [_again(chance, at, record) for at, record in chance.sample(sent, len(sent) // 20)]
    batches = list(_batches(chance, sorted(sent, key=lambda one: one[0])))
    if seed not in OLD:
        return History(plan_of(seed), batches, RIVALS.get(seed, 0))
    terms = old_terms(seed)
    return History(stored_plan(terms), batches, RIVALS.get(seed, 0), terms, OLD[seed])


Record = Exposure | Outcome | Covariate


def _bent(seed: int, sent: list[tuple[float, Record]]) -> list[tuple[float, Record]]:
    """The records as they are where the challenger is always right or wrong, slow and unfair, or loses outcomes."""
    challengers = {
        record.prediction_id: record.label
        for _, record in sent
        if isinstance(record, Exposure) and record.assigned_to == "challenger"
    }
    rule, found = BIG.get(seed, "guardrail" if seed == SLOW_OF_OLD else ""), []
    for at, record in sent:
        label, bent = challengers.get(record.prediction_id), record
        if label is not None and rule == "guardrail" and isinstance(record, Exposure):
            bent = replace(
                record, latency_ms=record.latency_ms + 60.0, label="n" if record.groups == {"g": "b"} else label
            )
        if label is not None and rule in {"better", "worse", "unhealthy"} and isinstance(record, Outcome):
            right = int((label == "y") == (rule != "worse"))
            bent = replace(record, value=right) if record.metric == "reward" else record
        if label is not None and rule == "unhealthy":
            bent = replace(record, score=record.score**4) if isinstance(record, Covariate) else bent
            if isinstance(record, Outcome) and record.metric == "reward" and sum(record.prediction_id.encode()) % 4:
                continue
        found.append((at, bent))
    return found


def _before(chance: random.Random, number: int) -> list[tuple[float, Exposure | Outcome | Covariate]]:
    """What some earned before the experiment began."""
    if chance.random() < 0.5:
        return []
    made = _exposure(chance, f"h{number}", number, "champion", 500.0 + chance.random() * 100)
    early = replace(made, experiment_id=None, counted=False, groups={})
    return [
        (700.0, early),
        (700.0, Outcome(f"ho{number}", early.prediction_id, TASK, chance.randint(0, 1), early.at + 9)),
    ]


def _person(chance: random.Random, number: int, arms: list[str]) -> list[tuple[float, Exposure | Outcome | Covariate]]:
    arm = "challenger" if chance.random() < 0.5 else "champion"
    if len(arms) > 2:
        # As a plan deals that gives the challengers a half together.
        arm = chance.choice(["champion"] * (len(arms) - 2) + arms)
    found: list[tuple[float, Exposure | Outcome | Covariate]] = []
    for visit in range(chance.choice((1, 1, 2, 5))):
        made = _exposure(chance, f"p{number}-{visit}", number, arm, BEGIN + chance.random() * 400)
        if chance.random() < 0.03:
            made = replace(made, assigned_to=arms[arms.index(arm) - 1])
        if chance.random() < 0.1:
            made = replace(made, assigned_to="champion", counted=False, groups={})
        came = made.at + chance.choice((0.0, 5.0, 5.0, 60.0, 300.0))
        found.append((came, made))
        if chance.random() < 0.8:
            found.append((came, Covariate(made.prediction_id, TASK, "y", chance.random())))
        if chance.random() < 0.5:
            found.append((came, _shadow(chance, made)))
        found += [(moment, event) for event, moment in _events(chance, made)]
    return found


def _exposure(chance: random.Random, name: str, number: int, arm: str, at: float) -> Exposure:
    label = chance.choice(("y", "n", "Review_Required"))
    answered = chance.random() < 0.95
    return Exposure(
        name, TASK, "e1", 2 if at < BEGIN + 200 else 5, f"u{number}", arm, arm if answered else "review", "7",
        label if answered else "Review_Required", chance.random() if answered else None, chance.random() if answered
        else None, None, chance.random() * 120, at, groups={"g": "ab"[number % 2]},
    )  # fmt: skip


def _shadow(chance: random.Random, made: Exposure) -> Exposure:
    label = chance.choice(("y", "n"))
    return replace(
        made, prediction_id=shadow_of(made.prediction_id), assigned_to="shadow", served_by="shadow", label=label,
        score=0.5, confidence=chance.random(), latency_ms=chance.random() * 500, groups={},
    )  # fmt: skip


def _events(chance: random.Random, made: Exposure) -> list[tuple[Outcome, float]]:
    found = []
    for metric in ("reward", "reward", "acceptance", "click", "click", "view", "dwell", "days"):
        if chance.random() < 0.4:
            happened = made.at + chance.choice((-90.0, 1.0, 30.0, 39.0, 70.0, 150.0)) + chance.random()
            value = chance.randint(0, 1) if metric == "reward" else chance.choice((0, 1, 2, 20.5))
            name = f"{metric}-{made.prediction_id}-{chance.randint(0, 9)}"
            outcome = Outcome(name, made.prediction_id, TASK, value, happened, metric)
            found.append((outcome, max(happened, made.at - 10) + chance.choice((0.0, 3.0, 100.0, 900.0))))
    return found


def _again(
    chance: random.Random, at: float, record: Exposure | Outcome | Covariate
) -> tuple[float, Exposure | Outcome | Covariate]:
    """The same record later, sometimes with another content."""
    later = at + chance.random() * 200
    if isinstance(record, Covariate) or chance.random() < 0.6:
        return later, record
    return later, replace(record, at=record.at + 0.5)


def _batches(chance: random.Random, sent: list[tuple[float, Exposure | Outcome | Covariate]]) -> list[Batch]:
    found, at = [], 0
    while at < len(sent):
        size = chance.randint(1, max(25, len(sent) // 30))
        chunk = sent[at : at + size]
        at += size
        records = [record for _, record in chunk]
        found.append(
            Batch(
                chunk[-1][0],
                [one for one in records if isinstance(one, Exposure)],
                [one for one in records if isinstance(one, Outcome)],
                [one for one in records if isinstance(one, Covariate)],
                chance.random() < 0.3,
            )
        )
    return found
