"""Answers rows: assign → route → call with a deadline → fall back. Nobody is left without an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from contender.routing import Routing
from contender.values import CHAMPION, REVIEW, UNASSIGNED, FallbackPolicy, Prediction
from monitoring.metrics import ARM_FAILURES, ARM_LATENCY, EJECTED, Metrics
from serving.logs import LOGGER
from serving.transformer.ejection import Ejection
from serving.transformer.fallback import FLOOR, Reason, Rung, budget_ms, judge, ladder, share_of
from serving.transformer.places import CallFailed, Place, Said
from serving.transformer.router import route, split

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One row's answer: what the client is told, and how it came about.

    `confidence` and `score` are the answering model's own and `None` on the last rung; `label` may differ from the
    model's when it was unsure.
    """

    label: str
    confidence: float | None
    score: float | None
    ranking: tuple[tuple[str, float], ...]
    assigned_to: str
    served_by: str
    fallback_reason: Reason | None
    model_version: str | None


class _Served(NamedTuple):
    """Who answered at last, and what."""

    rung: Rung
    said: Said


class Answering:
    """The ladder over `places` (``blue``, ``green``, ``baseline``). `clock` gives seconds that only grow."""

    def __init__(self, task: str, places: Mapping[str, Place], metrics: Metrics, clock: Callable[[], float]) -> None:
        self._task, self._places, self._metrics, self._clock = task, places, metrics, clock
        self._ejections = {place: Ejection(clock) for place in places}
        for place in places:
            metrics.set(EJECTED, task, place, value=0)

    async def answer(
        self, routing: Routing | None, fallback: FallbackPolicy, rows: Rows, units: Sequence[str | None]
    ) -> list[Answer]:
        """An answer for each of `rows`, in order; the groups of a batch are asked for at the same time.

        Without a `routing` the baseline answers by the policy `fallback`.
        """
        if routing is None:
            return await self._group(UNASSIGNED, (FLOOR,), fallback, rows, Reason.NO_ROUTING)
        groups = split(routing, units)
        if len(groups) == 1:
            return await self._assigned(routing, next(iter(groups)), rows)
        parts = await asyncio.gather(
            *(self._assigned(routing, arm, [rows[index] for index in group]) for arm, group in groups.items())
        )
        merged = {
            index: answer
            for group, part in zip(groups.values(), parts, strict=True)
            for index, answer in zip(group, part, strict=True)
        }
        return [merged[index] for index in range(len(rows))]

    async def _assigned(self, routing: Routing, assigned_to: str, rows: Rows) -> list[Answer]:
        rungs = ladder(route(routing, assigned_to), route(routing, CHAMPION))
        return await self._group(assigned_to, rungs, routing.fallback, rows, None)

    async def _group(
        self,
        assigned_to: str,
        rungs: Sequence[Rung],
        policy: FallbackPolicy,
        rows: Rows,
        reason: Reason | None,
    ) -> list[Answer]:
        served, reason = await self._descend(rungs, rows, budget_ms(policy, len(rows)) / 1000, reason)
        if served is None:
            return [Answer(policy.label, None, None, (), assigned_to, REVIEW, reason, None)] * len(rows)
        return [_judged(said, served, policy, assigned_to, reason) for said in served.said.predictions]

    async def _descend(
        self, rungs: Sequence[Rung], rows: Rows, budget_s: float, reason: Reason | None
    ) -> tuple[_Served | None, Reason | None]:
        """Ask rung after rung until one answers; the first reason to leave a rung is the one that is told."""
        end = self._clock() + budget_s
        for index, rung in enumerate(rungs, start=1):
            left_s = end - self._clock()
            if left_s <= 0:
                return None, reason or Reason.NO_TIME
            try:
                return _Served(rung, await self._ask(rung, rows, share_of(left_s, len(rungs) - index))), reason
            except CallFailed as failure:
                reason = reason or failure.reason
        return None, reason

    async def _ask(self, rung: Rung, rows: Rows, timeout_s: float) -> Said:
        ejection = self._ejections[rung.place]
        if not ejection.admits():
            raise CallFailed(Reason.EJECTED)
        began = self._clock()
        try:
            said = await self._places[rung.place].predict(rows, timeout_s)
            if rung.version not in (None, said.version):
                raise CallFailed(Reason.WRONG_VERSION)
        except CallFailed as failure:
            self._metrics.add(ARM_FAILURES, self._task, rung.place, failure.reason)
            if ejection.failed(began):
                self._tell(rung.place, ejected=True)
            raise
        except BaseException:
            ejection.abandoned()
            raise
        finally:
            self._metrics.observe(ARM_LATENCY, self._task, rung.place, value=self._clock() - began)
        if ejection.succeeded():
            self._tell(rung.place, ejected=False)
        return said

    def _tell(self, place: str, *, ejected: bool) -> None:
        self._metrics.set(EJECTED, self._task, place, value=float(ejected))
        LOGGER.warning("arm_ejected" if ejected else "arm_readmitted", extra={"fields": {"place": place}})


def _judged(
    said: Prediction, served: _Served, policy: FallbackPolicy, assigned_to: str, reason: Reason | None
) -> Answer:
    label, unsure = judge(said, policy)
    return Answer(
        label,
        said.confidence,
        said.score,
        said.ranking,
        assigned_to,
        served.rung.served_by,
        reason or unsure,
        served.said.version,
    )
