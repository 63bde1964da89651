from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from contender.errors import Unavailable
from contender.routing import Arm, ExperimentRef, Routing
from contender.values import Covariate, FallbackPolicy, Prediction
from monitoring.metrics import Metrics
from serving.transformer.answering import Answer
from serving.transformer.codec import Told
from serving.transformer.fallback import Reason, Rung
from serving.transformer.gathering import FULL, GATHER_S, WAITING, Answered
from serving.transformer.mirror import SAMPLE_AFTER_S, SAMPLE_EVERY, Conditions, Mirror
from serving.transformer.places import CallFailed, Said

SHADOW = Arm("shadow", "green", "9", 0.0, 0.0)
PLAIN = Routing("t", 1, None, (Arm("champion", "blue", "7", 0.0, 1.0),), None, FallbackPolicy(150, 0.6))
SHADOWED = replace(PLAIN, shadow=SHADOW)
RUNNING = replace(PLAIN, experiment=ExperimentRef("e", "e"))


@dataclass
class World:
    """Places that say `label` once they are `free` to; `strained` and the time as told. Records are kept in lists."""

    label: str = "yes"
    confidence: float = 0.9
    fails: bool = False
    strained: bool = False
    full_disk: bool = False
    covariates_wanted: bool = True
    now: float = 0.0
    asked: list[tuple[str, int]] = field(default_factory=list)
    shadowed: list[tuple[str | None, Told]] = field(default_factory=list)
    kept: list[Covariate] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.ids = map("p{}".format, count(1))
        conditions = Conditions(lambda: self.now, lambda: self.strained, self.covariates_wanted)
        self.mirror = Mirror("t", self.ask, self, Metrics(self.registry), conditions)

    async def ask(self, rung: Rung, rows: Sequence[Any], timeout_s: float) -> Said:
        assert timeout_s == pytest.approx(0.15 + 0.0005 * (len(rows) - 1))
        self.asked.append((rung.place, len(rows)))
        await self.free.wait()
        if self.fails:
            raise CallFailed(Reason.TIMEOUT)
        return Said([Prediction(self.label, self.confidence, 0.25) for _ in rows], "9")

    def shadows(self, routing: Routing, units: Sequence[str | None], told: Sequence[Told], latency_ms: float) -> None:
        self.check_disk()
        self.shadowed += zip(units, told, strict=True)

    def covariates(self, covariates: Sequence[Covariate]) -> None:
        self.check_disk()
        self.kept += covariates

    def check_disk(self) -> None:
        if self.full_disk:
            raise Unavailable("the disk is full")

    def after(self, routing: Routing, *units: str | None, label: str = "yes", served_by: str = "champion") -> list[str]:
        """Let the mirror know of one request of `units`; return its prediction ids. ``outside…`` are not covered."""
        answer = Answer(label, 0.9, 0.9, (), "champion", served_by, None, "7")
        running = routing.experiment is not None
        told = [
            Told(next(self.ids), replace(answer, counted=running and not (unit or "outside").startswith("outside")))
            for unit in units
        ]
        self.mirror.after(Answered(routing, [{}] * len(units), units, told))
        return [one.prediction_id for one in told]

    def counted(self, kind: str, result: str) -> float:
        labels = {"task": "t", "kind": kind, "result": result}
        return self.registry.get_sample_value("contender_mirrored_total", labels) or 0


async def settle() -> None:
    for _ in range(9):
        await asyncio.sleep(0)


def stopped_timers() -> list[float]:
    """The moment for timers of the running loop, which passes only when it is changed."""
    now = [0.0]
    asyncio.get_running_loop().time = lambda: now[0]  # type: ignore[method-assign]  # the loop offers no other way
    return now


def test_what_the_shadow_would_have_told_is_recorded_under_the_same_request() -> None:
    async def live() -> None:
        world = World()
        first, second = world.after(SHADOWED, "u1", "u2", label="no")
        await world.mirror.close()
        assert world.asked == [("green", 2)]
        assert [(unit, one.prediction_id) for unit, one in world.shadowed] == [
            ("u1", f"{first}~shadow"),
            ("u2", f"{second}~shadow"),
        ]
        assert world.shadowed[0][1].answer == Answer("yes", 0.9, 0.25, (), "shadow", "shadow", None, "9")
        assert world.counted("shadow", "differ") == 2
        assert world.kept == []

    asyncio.run(live())


def test_an_unsure_shadow_would_have_handed_over_to_a_person() -> None:
    async def live() -> None:
        world = World(confidence=0.5)
        world.after(SHADOWED, "u")
        await world.mirror.close()
        answer = world.shadowed[0][1].answer
        assert (answer.label, answer.fallback_reason) == ("Review_Required", Reason.LOW_CONFIDENCE)

    asyncio.run(live())


def test_everybody_in_an_experiment_gets_a_covariate_whoever_answered() -> None:
    async def live() -> None:
        world = World(confidence=0.5)
        ids = world.after(RUNNING, "u1") + world.after(RUNNING, "u2", served_by="baseline")
        mixed = world.after(RUNNING, None, "u3")
        world.after(RUNNING, None)
        await world.mirror.close()
        assert world.asked == [("baseline", 3)]
        assert world.kept == [Covariate(one, "t", "yes", 0.25) for one in (*ids, mixed[1])]
        # Unsure, the baseline would have told them Review_Required; itself it is not compared with.
        assert (world.counted("baseline", "agree"), world.counted("baseline", "differ")) == (0, 2)

    asyncio.run(live())


def test_who_is_not_covered_gets_no_covariate_and_a_shadow_that_does_not_count() -> None:
    async def live() -> None:
        world, routing = World(), replace(SHADOWED, experiment=RUNNING.experiment)
        mixed = world.after(routing, "outside-1", "u")
        world.now = SAMPLE_AFTER_S
        world.after(routing, "outside-2")
        await world.mirror.close()
        assert [(unit, told.answer.counted) for unit, told in world.shadowed] == [
            ("outside-1", False),
            ("u", True),
            ("outside-2", False),
        ]
        # The last one is the sample that keeps the baseline warm.
        assert ("baseline", 2) in world.asked
        assert [covariate.prediction_id for covariate in world.kept] == [mixed[1]]

    asyncio.run(live())


def test_covariates_can_be_left_out() -> None:
    async def live() -> None:
        world = World(covariates_wanted=False)
        for _ in range(2 * SAMPLE_EVERY):
            world.after(RUNNING, "u")
        await world.mirror.close()
        assert world.asked == [("baseline", 2)]
        assert world.kept == []

    asyncio.run(live())


@pytest.mark.parametrize("unit", ["u", None])
def test_without_experiment_one_in_many_answers_is_put_to_the_baseline(unit: str | None) -> None:
    async def live() -> None:
        world = World()
        for _ in range(3 * SAMPLE_EVERY):
            world.after(PLAIN, unit, "v")
        await world.mirror.close()
        assert world.asked == [("baseline", 3)]
        assert world.counted("baseline", "agree") == 3
        assert world.kept == []

    asyncio.run(live())


def test_with_few_answers_the_baseline_is_asked_by_the_clock() -> None:
    async def live() -> None:
        world = World()
        world.after(PLAIN, "u")
        world.now = SAMPLE_AFTER_S
        world.after(PLAIN, "u")
        world.after(PLAIN, "u")
        await world.mirror.close()
        assert world.asked == [("baseline", 1)]

    asyncio.run(live())


def test_what_the_baseline_answered_itself_is_no_sample() -> None:
    async def live() -> None:
        world = World()
        world.now = SAMPLE_AFTER_S
        world.after(PLAIN, "u", served_by="baseline")
        world.after(PLAIN, "u", served_by="review")
        await world.mirror.close()
        assert world.asked == []

    asyncio.run(live())


def test_a_strained_server_takes_nothing() -> None:
    async def live() -> None:
        world = World(strained=True)
        world.after(replace(SHADOWED, experiment=RUNNING.experiment), "u", "v")
        await world.mirror.close()
        assert world.asked == []
        assert (world.counted("shadow", "dropped"), world.counted("baseline", "dropped")) == (2, 2)

    asyncio.run(live())


def test_a_slow_place_keeps_a_bounded_number_of_rows_and_one_call() -> None:
    async def live() -> None:
        stopped_timers()
        world = World()
        world.free.clear()
        for _ in range(WAITING + FULL + 5):
            world.after(SHADOWED, "u")
            await asyncio.sleep(0)
        assert world.asked == [("green", FULL)]
        assert world.counted("shadow", "dropped") == 5
        world.free.set()
        await world.mirror.close()
        assert world.counted("shadow", "agree") == WAITING + FULL

    asyncio.run(live())


def test_of_a_large_batch_as_many_are_taken_as_there_is_room_for() -> None:
    async def live() -> None:
        world = World()
        world.after(RUNNING, *(f"u{index}" for index in range(WAITING + 7)))
        await world.mirror.close()
        assert world.asked == [("baseline", FULL)] * (WAITING // FULL)
        assert world.counted("baseline", "dropped") == 7

    asyncio.run(live())


def test_one_call_never_mixes_two_routings() -> None:
    async def live() -> None:
        world = World()
        world.after(SHADOWED, "u")
        world.after(replace(SHADOWED, generation=2, shadow=replace(SHADOW, slot="blue")), "u")
        await world.mirror.close()
        assert world.asked == [("green", 1), ("blue", 1)]

    asyncio.run(live())


def test_a_failing_place_is_counted_and_nobody_hears_of_it() -> None:
    async def live() -> None:
        world = World(fails=True)
        world.after(SHADOWED, "u")
        await world.mirror.close()
        assert (world.counted("shadow", "failed"), world.shadowed) == (1, [])

    asyncio.run(live())


def test_what_a_full_disk_does_not_take_is_dropped() -> None:
    async def live() -> None:
        world = World(full_disk=True)
        world.after(replace(SHADOWED, experiment=RUNNING.experiment), "u")
        await world.mirror.close()
        assert (world.counted("shadow", "dropped"), world.counted("baseline", "dropped")) == (1, 1)

    asyncio.run(live())


def test_nothing_is_mirrored_while_suspended() -> None:
    async def live() -> None:
        world = World()
        world.after(replace(SHADOWED, experiment=RUNNING.experiment, suspended=True), "u")
        await world.mirror.close()
        assert world.asked == []

    asyncio.run(live())


def test_a_hung_place_does_not_keep_the_server_from_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.transformer.gathering.CLOSE_S", 0.01)

    async def live() -> None:
        world = World()
        world.free.clear()
        world.after(SHADOWED, "u")
        await settle()
        world.after(SHADOWED, "v")
        await world.mirror.close()
        assert world.shadowed == []

    asyncio.run(live())


def test_few_rows_wait_for_others_and_then_go() -> None:
    async def live() -> None:
        now, world = stopped_timers(), World()

        async def later(seconds: float) -> None:
            await settle()
            now[0] += seconds
            await settle()

        world.after(SHADOWED, "u")
        await later(0.9 * GATHER_S)
        assert world.asked == []
        world.after(SHADOWED, "v")
        await later(0.2 * GATHER_S)
        assert world.asked == [("green", 2)]
        world.after(SHADOWED, "w")
        await later(0.9 * GATHER_S)
        assert world.asked == [("green", 2)]
        await later(0.2 * GATHER_S)
        assert world.asked == [("green", 2), ("green", 1)]

    asyncio.run(live())
