from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from contender.routing import Arm, Routing
from contender.values import FallbackPolicy, Prediction
from monitoring.metrics import Metrics
from serving.transformer.fallback import Reason, Rung
from serving.transformer.mirror import AT_ONCE, SAMPLE_AFTER_S, SAMPLE_EVERY, Mirror
from serving.transformer.places import CallFailed, Said

SHADOW = Arm("shadow", "green", "9", 0.0, 0.0)
ROUTING = Routing("t", 1, None, (Arm("champion", "blue", "7", 0.0, 1.0),), SHADOW, FallbackPolicy(150, 0.6))
PLAIN = replace(ROUTING, shadow=None)


@dataclass(frozen=True)
class Told:
    label: str = "yes"
    served_by: str = "champion"


@dataclass
class World:
    """Places that say `label` once they are `free` to; `strained` and the time as told."""

    label: str = "yes"
    fails: bool = False
    strained: bool = False
    now: float = 0.0
    asked: list[Rung] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.mirror = Mirror("t", self.ask, Metrics(self.registry), lambda: self.now, lambda: self.strained)

    async def ask(self, rung: Rung, rows: Sequence[Any], timeout_s: float) -> Said:
        assert timeout_s == pytest.approx(0.15)
        self.asked.append(rung)
        await self.free.wait()
        if self.fails:
            raise CallFailed(Reason.TIMEOUT)
        return Said([Prediction(self.label, 0.9, 0.9) for _ in rows], "9")

    def after(self, routing: Routing = ROUTING, told: Sequence[Told] = (Told(),)) -> None:
        self.mirror.after(routing, [{}] * len(told), told)

    def counted(self, kind: str, result: str) -> float:
        labels = {"task": "t", "kind": kind, "result": result}
        return self.registry.get_sample_value("contender_mirrored_total", labels) or 0


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_every_answer_is_put_to_the_shadow_and_compared() -> None:
    async def live() -> None:
        world = World()
        world.after(told=[Told("yes"), Told("no"), Told("yes")])
        await settle()
        assert world.asked == [Rung("shadow", "green", "9")]
        assert (world.counted("shadow", "agree"), world.counted("shadow", "differ")) == (2, 1)

    asyncio.run(live())


def test_one_in_many_answers_is_put_to_the_baseline() -> None:
    async def live() -> None:
        world = World()
        for _ in range(3 * SAMPLE_EVERY):
            world.after(PLAIN)
            await settle()
        assert [rung.place for rung in world.asked] == ["baseline"] * 3
        assert world.counted("baseline", "agree") == 3

    asyncio.run(live())


def test_with_few_answers_the_baseline_is_asked_by_the_clock() -> None:
    async def live() -> None:
        world = World()
        world.after(PLAIN)
        assert world.asked == []
        world.now = SAMPLE_AFTER_S
        world.after(PLAIN)
        world.after(PLAIN)
        await settle()
        assert len(world.asked) == 1

    asyncio.run(live())


def test_what_the_baseline_answered_itself_is_not_put_to_it() -> None:
    async def live() -> None:
        world = World(now=0.0)
        world.now = SAMPLE_AFTER_S
        world.after(PLAIN, [Told(served_by="baseline")])
        world.after(PLAIN, [Told(served_by="review")])
        await settle()
        assert world.asked == []

    asyncio.run(live())


def test_under_load_the_shadow_is_dropped_first() -> None:
    async def live() -> None:
        world = World(strained=True)
        world.after()
        await settle()
        assert world.asked == []
        assert world.counted("shadow", "dropped") == 1

    asyncio.run(live())


def test_a_slow_shadow_keeps_a_bounded_number_of_calls() -> None:
    async def live() -> None:
        world = World()
        world.free.clear()
        for _ in range(AT_ONCE + 5):
            world.after()
        await settle()
        assert len(world.asked) == AT_ONCE
        assert world.counted("shadow", "dropped") == 5
        await world.mirror.close()
        world.free.set()
        world.after()
        await settle()
        assert world.counted("shadow", "agree") == 1

    asyncio.run(live())


def test_a_failing_shadow_is_counted_and_nobody_hears_of_it() -> None:
    async def live() -> None:
        world = World(fails=True)
        world.after()
        await settle()
        assert world.counted("shadow", "failed") == 1

    asyncio.run(live())


def test_nothing_is_mirrored_while_suspended_or_of_large_batches() -> None:
    async def live() -> None:
        world = World()
        world.after(replace(ROUTING, suspended=True))
        world.after(told=[Told()] * 65)
        await settle()
        assert world.asked == []

    asyncio.run(live())
