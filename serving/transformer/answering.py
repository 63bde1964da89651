"""Answers rows: assign → route → call with a deadline → fall back. Nobody is left without an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from contender.errors import InvalidInput
from contender.experiment.assignment import NOBODY, Assignment
from contender.routing import Routing
from contender.values import CHAMPION, REVIEW, FallbackPolicy, Prediction
from monitoring.metrics import RETRIES, Metrics
from serving.transformer.asking import Asking
from serving.transformer.budget import RetryBudget
from serving.transformer.fallback import FLOOR, Reason, Rung, budget_ms, judge, ladder, share_of
from serving.transformer.places import CallFailed, Place, Said
from serving.transformer.router import route, split

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One row's answer: what the client is told, and how it came about.

    `confidence` and `score` are the answering model's own and `None` on the last rung; `label` may differ from the
    model's when it was unsure. `counted` says whether the unit takes part in the experiment.
    """

    label: str
    confidence: float | None
    score: float | None
    ranking: tuple[tuple[str, float], ...]
    assigned_to: str
    served_by: str
    fallback_reason: Reason | None
    model_version: str | None
    counted: bool = False


class Served(NamedTuple):
    """Who answered at last, and what."""

    rung: Rung
    said: Said


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What answering takes from outside: `clock` gives seconds that only grow, `jitter` chance in [0, 1)."""

    clock: Callable[[], float]
    jitter: Callable[[], float] = lambda: 0.0


class Answering:
    """The ladder over `places` (``blue``, ``green``, ``baseline``); `asking` serves the background, too."""

    def __init__(self, task: str, places: Mapping[str, Place], metrics: Metrics, surroundings: Surroundings) -> None:
        self._task, self._metrics, self._clock = task, metrics, surroundings.clock
        self.asking = Asking(task, places, metrics, surroundings.clock, surroundings.jitter)
        self._budget = RetryBudget()

    async def answer(
        self,
        routing: Routing | None,
        fallback: FallbackPolicy,
        rows: Rows,
        units: Sequence[str | None],
        preview: str | None = None,
    ) -> list[Answer]:
        """An answer for each of `rows`, in order; the groups of a batch are asked for at the same time.

        Without a `routing` the baseline answers by the policy `fallback`. With the arm of a `preview` that arm
        answers, unassigned.

        Raises:
            NotFound: routing has no arm of the preview's name.
        """
        if routing is None:
            return await self._group(NOBODY, (FLOOR,), fallback, rows, Reason.NO_ROUTING)
        if preview is not None:
            return await self._assigned(routing, NOBODY, rows, arm=preview)
        return await self._routed(routing, rows, units)

    async def _routed(self, routing: Routing, rows: Rows, units: Sequence[str | None]) -> list[Answer]:
        groups = split(routing, units)
        if len(groups) == 1:
            return await self._assigned(routing, next(iter(groups)), rows)
        parts = await asyncio.gather(
            *(self._assigned(routing, whose, [rows[index] for index in group]) for whose, group in groups.items())
        )
        merged = {
            index: answer
            for group, part in zip(groups.values(), parts, strict=True)
            for index, answer in zip(group, part, strict=True)
        }
        return [merged[index] for index in range(len(rows))]

    async def _assigned(
        self, routing: Routing, assignment: Assignment, rows: Rows, *, arm: str | None = None
    ) -> list[Answer]:
        if routing.suspended:
            return await self._group(assignment, (), routing.fallback, rows, Reason.SUSPENDED)
        rungs = ladder(route(routing, arm or assignment.arm), route(routing, CHAMPION))
        return await self._group(assignment, rungs, routing.fallback, rows, None)

    async def _group(
        self,
        assignment: Assignment,
        rungs: Sequence[Rung],
        policy: FallbackPolicy,
        rows: Rows,
        reason: Reason | None,
    ) -> list[Answer]:
        served, reason = await self._descend(rungs, rows, budget_ms(policy, len(rows)) / 1000, reason)
        if served is None:
            arm, counted = assignment
            return [Answer(policy.label, None, None, (), arm, REVIEW, reason, None, counted)] * len(rows)
        return [judged(said, served, policy, assignment, reason) for said in served.said.predictions]

    async def _descend(
        self, rungs: Sequence[Rung], rows: Rows, budget_s: float, reason: Reason | None
    ) -> tuple[Served | None, Reason | None]:
        """Ask rung after rung until one answers; the first reason to leave a rung is the one that is told.

        When the retry budget is spent the champion is not asked in another arm's stead, but the baseline still is: it
        is a place of its own that gets no first calls, so asking it multiplies nobody's load, and what is too much
        even for it ejects it. Each arm thus sees at most its own requests and the budget's part of the others'.

        Raises:
            InvalidInput: every rung says that the request itself is wrong.
        """
        end, calls, refused = self._clock() + budget_s, 0, 0
        for index, rung in enumerate(rungs, start=1):
            left_s = end - self._clock()
            if left_s <= 0:
                return None, reason or Reason.NO_TIME
            if calls and rung is not FLOOR and not self._may_retry():
                continue
            try:
                said = await self.asking.ask(rung, rows, share_of(left_s, len(rungs) - index))
            except CallFailed as failure:
                reason = reason or failure.reason
                calls += self._made(failure)
                refused += failure.reason is Reason.REFUSED
                if refused == len(rungs):
                    raise _wrong(failure.refusal, rows) from failure
            else:
                self._budget.earn()
                return Served(rung, said), reason
        return None, reason

    def _may_retry(self) -> bool:
        allowed = self._budget.spend()
        self._metrics.add(RETRIES, self._task, "made" if allowed else "denied")
        return allowed

    def _made(self, failure: CallFailed) -> bool:
        """Whether a call was made at all; an ejected place costs nobody anything, so going on is no retry."""
        return failure.reason is not Reason.EJECTED


def _wrong(refusal: str, rows: Rows) -> InvalidInput:
    """The last model's refusal; of a batch the row that it names is not the one that the client counts."""
    known = refusal if len(rows) == 1 else ""
    return InvalidInput("", known or "no model takes what was sent")


def judged(
    said: Prediction, served: Served, policy: FallbackPolicy, assignment: Assignment, reason: Reason | None = None
) -> Answer:
    """The answer that `policy` makes of what was said; `reason` tells why it is not the assigned arm's own, if so."""
    label, unsure = judge(said, policy)
    return Answer(
        label,
        said.confidence,
        said.score,
        said.ranking,
        assignment.arm,
        served.rung.served_by,
        reason or unsure,
        served.said.version,
        assignment.counted,
    )
