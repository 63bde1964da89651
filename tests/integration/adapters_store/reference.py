"""What an experiment's aggregates are, worked out from raw records with loops and dictionaries, and nothing of ours.

It shares no code with the store and none with `contender.experiment`: figures come out as plain numbers, by name.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from contender.values import Exposure, Outcome
from tests.integration.adapters_store.histories import END, History

REVIEW = "Review_Required"


class Reference:
    """The aggregates of a history whose last look is at `END`, under figures' names such as ``champion assigned``."""

    def __init__(self, history: History) -> None:
        self.plan = history.plan
        self.grace = history.plan.grace_s
        self.old = history.terms is not None
        self.since = self._counting_from(history)
        self.exposures: dict[str, tuple[Exposure, float]] = {}
        self.outcomes: dict[tuple[str, ...], tuple[Outcome, float]] = {}
        self.covariates: dict[str, tuple[float, float]] = {}
        self.contradictory: set[str] = set()
        self.replayed = 0
        for batch in history.batches:
            self._arrive(batch)
        self.became = defaultdict[str, list[tuple[Outcome, float]]](list)
        for outcome, came in self.outcomes.values():
            self.became[outcome.prediction_id].append((outcome, came))
        self.settled = [*(batch.at for batch in history.batches if batch.looks), END]
        self.units = self._units()
        self._contradicting_truths()

    @staticmethod
    def _counting_from(history: History) -> float:
        """The generation from which rewards count under the old rule: the step that gives the planned share."""
        generation, share = history.shares[-1]
        return generation if share >= history.plan.challenger_share else math.inf

    def _arrive(self, batch: Any) -> None:
        for one in sorted(batch.exposures, key=lambda one: one.prediction_id):
            if one.prediction_id in self.exposures:
                self._again(one.prediction_id, same=_content(self.exposures[one.prediction_id][0]) == _content(one))
            self.exposures.setdefault(one.prediction_id, (one, batch.at))
        for one in batch.outcomes:
            key = (one.prediction_id, one.metric, one.event_id)
            if key in self.outcomes:
                self._again(one.prediction_id, same=self.outcomes[key][0] == one)
            self.outcomes.setdefault(key, (one, batch.at))
        for one in batch.covariates:
            self.covariates.setdefault(one.prediction_id, (one.score, batch.at))

    def _again(self, prediction_id: str, *, same: bool) -> None:
        """A record that came before; nobody can say whose it is while its exposure has not come."""
        if not same:
            self._contradict(prediction_id)
        elif prediction_id in self.exposures and self._part(self.exposures[prediction_id][0]):
            self.replayed += 1

    def _contradict(self, prediction_id: str) -> None:
        if prediction_id in self.exposures and self._part(self.exposures[prediction_id][0]):
            self.contradictory.add(str(self.exposures[prediction_id][0].unit_id))

    @staticmethod
    def _part(one: Exposure) -> bool:
        return one.experiment_id == "e1" and one.counted and one.assigned_to.startswith("cha")

    def _contradicting_truths(self) -> None:
        rewards = defaultdict(set)
        for one, _ in self.outcomes.values():
            if one.metric == "reward" and one.prediction_id in self.exposures:
                rewards[one.prediction_id].add(self._judged(self.exposures[one.prediction_id][0], one.value))
        for name, found in rewards.items():
            if len(found) > 1:
                self._contradict(name)

    @staticmethod
    def _judged(answer: Exposure, truth: Any) -> float:
        """As `judge` of the test: right is 1, wrong a quarter."""
        return 1.0 if (answer.label == "y") == (truth == 1) else 0.25

    def _units(self, until: float = END) -> dict[str, dict[str, Any]]:
        """The units by what had arrived until then."""
        arrived = sorted(self.exposures.values(), key=lambda one: (one[1], one[0].prediction_id))
        units: dict[str, dict[str, Any]] = {}
        shortest = min(metric.window_s for metric in self.plan.measured)
        for one, came in arrived:
            if came > until or not self._part(one):
                continue
            unit = units.setdefault(str(one.unit_id), {"first": one, "seen": [], "crossed": False})
            if one.assigned_to != unit["first"].assigned_to:
                unit["crossed"] = True
            earlier = (one.at, one.prediction_id) < (unit["first"].at, unit["first"].prediction_id)
            if earlier and came <= unit["first"].at + shortest + self.grace:
                unit["first"] = one
            unit["seen"].append((one, came))
        return units

    def figures(self) -> dict[str, float]:
        """Every figure that is not 0."""
        found: dict[str, float] = defaultdict(float)
        for name, amount in self._all():
            found[name] += amount
        return {name: amount for name, amount in found.items() if abs(amount) > 1e-12}

    def _all(self) -> Iterator[tuple[str, float]]:
        yield "contradictory", len(self.contradictory & self.units.keys())
        yield "crossed", sum(unit["crossed"] for unit in self.units.values())
        yield "replayed", self.replayed
        yield "late", 0 if self.old else self._late()
        moments = [one.at for unit in self.units.values() for one, _ in unit["seen"]]
        yield "seconds", max(moments) - min(moments)
        for unit in self.units.values():
            arm = unit["first"].assigned_to
            for name, amount in (*self._counts(unit), *(() if self.old else self._values(unit))):
                yield f"{arm} {name}", amount
            yield f"phase {unit['first'].generation} {arm} units", 1
            for name, amount in self._counts(unit):
                if name in ("fallback_units", "error_units", "slow_units"):
                    yield f"phase {unit['first'].generation} {arm} {name}", amount

        if self.old:
            yield from self._rewards()

    def _rewards(self) -> Iterator[tuple[str, float]]:
        """Under the old rule a unit is worth the mean of all its rewards so far, in the arm that earned them."""
        earned = defaultdict[tuple[str, str], list[float]](list)
        for one, _ in self.exposures.values():
            truths = [(t.at, t.event_id, t.value) for t, _ in self.became[one.prediction_id] if t.metric == "reward"]
            if truths and self._part(one) and one.generation >= self.since:
                earned[one.assigned_to, str(one.unit_id)].append(self._judged(one, min(truths)[2]))
        for (arm, _), rewards in earned.items():
            for name, amount in self._sums(sum(rewards) / len(rewards), 0.0, reviewed=False, weight=0.0):
                yield f"{arm} reward {name}", amount

    def _late(self) -> int:
        """Outcomes that happened or came too late, by what was known of their units when they were judged."""
        known = {moment: self._units(moment) for moment in self.settled}
        late = 0
        for one, came in self.outcomes.values():
            answer, answered = self.exposures.get(one.prediction_id, (None, 0.0))
            if answer is None or not self._part(answer):
                continue
            judged = min(moment for moment in self.settled if moment >= max(came, answered))
            named = [metric for metric in self.plan.measured if one.metric in _counted(metric)]
            closed = known[judged][str(answer.unit_id)]["first"].at + max(metric.window_s for metric in named)
            late += not (answer.at - 60 <= one.at <= closed and came <= closed + self.grace)
        return late

    def _counts(self, unit: dict[str, Any]) -> Iterator[tuple[str, float]]:
        first, seen = unit["first"], [one for one, _ in unit["seen"]]
        fallen = sum(one.served_by != one.assigned_to for one in seen)
        reviews = sum(one.label == REVIEW for one in seen)
        yield "assigned", 1
        yield "exposures", len(seen)
        yield "fallbacks", fallen
        yield "reviews", reviews
        yield "fallback_units", fallen > 0
        yield "review_units", first.label == REVIEW
        yield "error_units", any(one.served_by == "review" for one in seen)
        yield "slow_units", any(one.latency_ms > self.plan.slow_ms for one in seen)
        group = f"group g={first.groups['g']}"
        yield f"{group} units", 1
        yield f"{group} selected", first.label == self.plan.favourable_label

    def _values(self, unit: dict[str, Any]) -> Iterator[tuple[str, float]]:
        group = f"group g={unit['first'].groups['g']}"
        for metric in self.plan.measured:
            opened = unit["first"].at
            closed, final = opened + metric.window_s, opened + metric.window_s + self.grace
            if final >= END:
                continue
            held = [one for one, came in unit["seen"] if opened <= one.at <= closed and came <= final]
            value, under, reviewed, weight = self._value(metric, held, closed, final)
            sums = list(self._sums(value, under, reviewed, weight))
            yield from ((f"{metric.name} {name}", amount) for name, amount in sums)
            if metric.role == "primary":
                yield from ((f"{group} {name}", amount) for name, amount in sums)
                yield from self._known(unit, held, final, value, reviewed)
                yield from self._shadow(held, closed, final)

    def _happened(self, held: list[Exposure], closed: float, final: float, name: str) -> list[Outcome]:
        return [
            one
            for answer in held
            for one, came in self.became[answer.prediction_id]
            if one.metric == name and answer.at - 60 <= one.at <= closed and came <= final
        ]

    def _value(
        self, metric: Any, held: list[Exposure], closed: float, final: float
    ) -> tuple[float | None, float, bool, float]:
        if not held:
            return None, 0.0, False, 0.0
        if metric.name == "reward":
            return self._reward(held, self._happened(held, closed, final, "reward"))
        amounts = [float(one.value) for one in self._happened(held, closed, final, metric.event or metric.name)]
        if metric.type == "ratio":
            views = [float(one.value) for one in self._happened(held, closed, final, metric.per)]
            return sum(amounts), sum(views) if metric.per else float(len(held)), False, 0.0
        if not amounts:
            return metric.default, 0.0, False, 0.0
        return (float(any(amounts)) if metric.type == "proportion" else min(sum(amounts), metric.cap)), 0.0, False, 0.0

    def _reward(self, held: list[Exposure], truths: list[Outcome]) -> tuple[float | None, float, bool, float]:
        answered = [one for one in held if one.label != REVIEW and one.score is not None]
        if not answered:
            return 0.4, 0.0, True, 0.0
        earned = []
        for one in answered:
            mine = sorted((t.at, t.event_id, t.value) for t in truths if t.prediction_id == one.prediction_id)
            if mine:
                earned.append(self._judged(one, mine[0][2]))
        part = 1 - len(answered) / len(held)
        return (part * 0.4 + (1 - part) * sum(earned) / len(earned) if earned else None), 0.0, False, part

    @staticmethod
    def _sums(value: float | None, under: float, reviewed: bool, weight: float) -> Iterator[tuple[str, float]]:
        yield "matured", 1
        yield "reviewed", reviewed
        if value is not None and not reviewed:
            yield "n", 1
            yield "total", value
            yield "squares", value**2
            yield "under", under
            yield "under squares", under**2
            yield "products", value * under
            yield "weight", weight

    def _known(
        self, unit: dict[str, Any], held: list[Exposure], final: float, value: float | None, reviewed: bool
    ) -> Iterator[tuple[str, float]]:
        if held:
            yield f"latency {_bin(max(one.latency_ms for one in held))}", 1
        if not self.plan.covariate:
            return
        score, came = self.covariates.get(unit["first"].prediction_id, (None, math.inf))
        known = score if came <= final else None
        if self.plan.covariate == "history":
            known = self._history(unit["first"])
        number = -1 if known is None else min(int(known * 20), 19)
        yield f"covariate {number}", 1
        if value is not None:
            name = f"stratum {_fold(unit['first'].unit_id)} {number} {int(reviewed)}"
            yield f"{name} n", 1
            yield f"{name} total", value
            yield f"{name} squares", value**2

    def _history(self, first: Exposure) -> float | None:
        earned = []
        for one, came in self.exposures.values():
            if one.unit_id == first.unit_id and max(one.at, came) < first.at and one.assigned_to != "shadow":
                truths = [
                    (truth.at, truth.event_id, self._judged(one, truth.value))
                    for truth, heard in self.became[one.prediction_id]
                    if truth.metric == "reward"
                    if max(truth.at, heard) < first.at
                ]
                if truths:
                    earned.append(min(truths)[2])
        return sum(earned) / len(earned) if earned else None

    def _shadow(self, held: list[Exposure], closed: float, final: float) -> Iterator[tuple[str, float]]:
        pairs = []
        for one in held:
            mirrored = self.exposures.get(f"{one.prediction_id}~shadow")
            if mirrored and mirrored[1] <= final:
                pairs.append((one, mirrored[0]))
        if not pairs:
            return
        agreement = sum(one.label == other.label for one, other in pairs) / len(pairs)
        yield from (("shadow agreement n", 1), ("shadow agreement total", agreement))
        yield "shadow agreement squares", agreement**2
        yield f"shadow latency {_bin(max(other.latency_ms for _, other in pairs))}", 1
        truths = self._happened([one for one, _ in pairs], closed, final, "reward")
        earned = self._reward([one for one, _ in pairs], truths)[0]
        instead = [replace(one, label=other.label, score=other.score) for one, other in pairs]
        other = self._reward(instead, truths)[0]
        sure = sum(mirrored.confidence or 0.0 for _, mirrored in pairs) / len(pairs)
        for name, first in (("confidence", sure), ("reward", earned)):
            if other is not None and first is not None:
                sums = self._sums(first, other, reviewed=False, weight=0.0)
                yield from ((f"shadow {name} {figure}", amount) for figure, amount in sums if figure != "matured")


def _counted(metric: Any) -> tuple[str, ...]:
    return ("reward",) if metric.name == "reward" else (metric.event or metric.name, metric.per)


def _fold(unit_id: str) -> int:
    """Half of all units, by the 32-bit FNV-1a hash of the hash of "fold" and the unit's id."""
    return int(_fnv(str(_fnv(f"fold{unit_id}"))) % 10_000 >= 5_000)


def _fnv(words: str) -> int:
    found = 2166136261
    for byte in words.encode():
        found = (found ^ byte) * 16777619 % 2**32
    return found


def _content(one: Exposure) -> str:
    fields = {name: getattr(one, name) for name in one.__slots__ if name not in ("groups", "features")}
    return json.dumps(fields, sort_keys=True)


def _bin(latency_ms: float) -> int:
    return next(number for number in range(64) if latency_ms <= 2 ** (number / 4) * (1 + 1e-9) or number == 63)
