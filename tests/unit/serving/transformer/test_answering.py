"""The ladder over places that are told how to behave."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from contender.errors import ContenderError
from contender.routing import Arm, ExperimentRef, Routing
from contender.values import FallbackPolicy, Prediction
from monitoring.metrics import Metrics
from serving.transformer.answering import Answer, Answering, Surroundings
from serving.transformer.budget import BURST
from serving.transformer.fallback import Reason
from serving.transformer.places import CallFailed, Said

POLICY = FallbackPolicy(deadline_ms=150, min_confidence=0.6)
CHAMPION, CHALLENGER = Arm("champion", "blue", "7", 0.0, 0.5), Arm("challenger", "green", "8", 0.5, 1.0)
ROUTING = Routing("t", 1, ExperimentRef("e", "e"), (CHAMPION, CHALLENGER), None, POLICY)
VERSIONS = {"blue": "7", "green": "8", "baseline": "1"}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FakePlace:
    """Answers with its version and the rows' numbers, or fails as told; a timeout takes all the time it was given."""

    def __init__(self, version: str, clock: Clock) -> None:
        self.version, self.clock = version, clock
        self.fails: Reason | None = None
        self.confidence = 0.9
        self.given: list[float] = []

    async def predict(self, rows: Sequence[Mapping[str, Any]], timeout_s: float) -> Said:
        self.given.append(timeout_s)
        if self.fails:
            self.clock.now += timeout_s if self.fails is Reason.TIMEOUT else 0
            raise CallFailed(self.fails)
        return Said([Prediction(str(row["n"]), self.confidence, 0.5) for row in rows], self.version)


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.places = {name: FakePlace(version, self.clock) for name, version in VERSIONS.items()}
        self.answering = Answering("t", self.places, Metrics(CollectorRegistry()), Surroundings(self.clock))

    def ask(self, *units: str | None, routing: Routing | None = ROUTING) -> list[Answer]:
        rows = [{"n": index} for index in range(len(units))]
        return asyncio.run(self.answering.answer(routing, POLICY, rows, units))


@pytest.fixture
def world() -> World:
    return World()


def unit_of(world: World, arm: str) -> str:
    return next(u for u in map(str, range(100)) if world.ask(u)[0].assigned_to == arm)


@pytest.mark.parametrize(("arm", "version"), [("champion", "7"), ("challenger", "8")])
def test_the_assigned_arm_answers(world: World, arm: str, version: str) -> None:
    (answer,) = world.ask(unit_of(world, arm))
    assert answer == Answer("0", 0.9, 0.5, (), arm, arm, None, version, counted=True)


def test_every_combination_of_failures_is_answered_by_the_next_rung() -> None:
    """The whole product: each place well or failing in each way, for both arms and for the unassigned."""
    failures = (None, Reason.TIMEOUT, Reason.UNREACHABLE, Reason.ERROR, Reason.BAD_ANSWER)
    for blue, green, baseline in product(failures, repeat=3):
        for assigned in ("champion", "challenger", "unassigned"):
            world = World()
            unit = None if assigned == "unassigned" else unit_of(world, assigned)
            world.places["blue"].fails, world.places["green"].fails = blue, green
            world.places["baseline"].fails = baseline
            (answer,) = world.ask(unit)
            path = [("challenger", green)] if assigned == "challenger" else []
            path += [("champion", blue), ("baseline", baseline), ("review", None)]
            assert answer.assigned_to == assigned
            assert answer.served_by == next(name for name, failure in path if failure is None)
            assert answer.fallback_reason == path[0][1]
            assert (answer.label == "Review_Required") == (answer.served_by == "review")
            assert (answer.score is None) == (answer.served_by == "review")
            assert world.clock.now <= 0.150001


def test_the_slices_of_a_hung_ladder_fit_the_deadline(world: World) -> None:
    unit = unit_of(world, "challenger")
    for place in world.places.values():
        place.fails = Reason.TIMEOUT
        place.given.clear()
    started = world.clock.now
    (answer,) = world.ask(unit)
    assert answer.served_by == "review"
    given = [world.places[name].given[0] for name in ("green", "blue", "baseline")]
    assert given == pytest.approx([0.09, 0.036, 0.024])
    assert world.clock.now - started == pytest.approx(0.15)


def test_when_the_time_is_used_up_nobody_else_is_asked(world: World) -> None:
    unit = unit_of(world, "champion")
    world.places["blue"].fails = Reason.ERROR

    async def slow(rows: object, timeout_s: float) -> Said:
        world.clock.now += 1
        raise CallFailed(Reason.ERROR)

    world.places["blue"].predict = slow  # type: ignore[method-assign]
    asked = len(world.places["baseline"].given)
    (answer,) = world.ask(unit)
    assert (answer.served_by, answer.fallback_reason) == ("review", Reason.ERROR)
    assert len(world.places["baseline"].given) == asked


def test_another_version_than_routed_is_not_believed(world: World) -> None:
    unit = unit_of(world, "challenger")
    world.places["green"].version = "9"
    (answer,) = world.ask(unit)
    assert (answer.served_by, answer.fallback_reason, answer.model_version) == ("champion", Reason.WRONG_VERSION, "7")


def test_a_place_that_keeps_failing_is_left_alone_and_probed(world: World) -> None:
    unit = unit_of(world, "challenger")
    green = world.places["green"]
    green.fails = Reason.TIMEOUT
    reasons = [world.ask(unit)[0].fallback_reason for _ in range(5)]
    assert reasons == [Reason.TIMEOUT] * 3 + [Reason.EJECTED] * 2
    green.fails = None
    world.clock.now += 0.5
    assert world.ask(unit)[0].served_by == "challenger"
    assert world.ask(unit)[0].fallback_reason is None


def test_low_confidence_is_a_person_s_case_but_the_score_is_kept(world: World) -> None:
    unit = unit_of(world, "challenger")
    world.places["green"].confidence = 0.55
    (answer,) = world.ask(unit)
    assert (answer.label, answer.fallback_reason) == ("Review_Required", Reason.LOW_CONFIDENCE)
    assert (answer.served_by, answer.confidence, answer.model_version) == ("challenger", 0.55, "8")


def test_the_fault_is_told_rather_than_the_doubt(world: World) -> None:
    unit = unit_of(world, "challenger")
    world.places["green"].fails, world.places["blue"].confidence = Reason.ERROR, 0.5
    (answer,) = world.ask(unit)
    assert (answer.label, answer.fallback_reason) == ("Review_Required", Reason.ERROR)


def test_a_batch_is_split_and_merged_in_order(world: World) -> None:
    units = [*map(str, range(40)), None]
    answers = world.ask(*units)
    assert [answer.label for answer in answers] == [str(index) for index in range(41)]
    assert [answer.assigned_to for answer in answers] == [world.ask(unit)[0].assigned_to for unit in units]


def test_one_arm_s_fault_does_not_touch_the_other_s_rows(world: World) -> None:
    world.places["green"].fails = Reason.UNREACHABLE
    for answer in world.ask(*map(str, range(40))):
        assert answer.served_by == "champion"
        assert (answer.fallback_reason is None) == (answer.assigned_to == "champion")


def test_without_routing_the_baseline_answers(world: World) -> None:
    answers = world.ask("a", "b", routing=None)
    assert {(a.assigned_to, a.served_by, a.fallback_reason) for a in answers} == {
        ("unassigned", "baseline", Reason.NO_ROUTING)
    }
    world.places["baseline"].fails = Reason.ERROR
    assert world.ask("a", routing=None)[0].served_by == "review"


def test_a_cancelled_call_says_nothing_about_the_place(world: World) -> None:
    unit = unit_of(world, "champion")
    blue = world.places["blue"]
    answers = blue.predict

    async def cancelled(rows: object, timeout_s: float) -> Said:
        raise asyncio.CancelledError

    def cancel() -> None:
        blue.predict = cancelled  # type: ignore[method-assign]
        with pytest.raises(asyncio.CancelledError):
            world.ask(unit)
        blue.predict = answers  # type: ignore[method-assign]

    for _ in range(5):
        cancel()
    assert world.ask(unit)[0].served_by == "champion"
    blue.fails = Reason.ERROR
    for _ in range(3):
        world.ask(unit)
    blue.fails = None
    world.clock.now += 1
    cancel()
    assert world.ask(unit)[0].served_by == "champion", "the next request is the probe"


def test_a_failed_call_is_an_error_of_ours() -> None:
    assert issubclass(CallFailed, ContenderError)


@pytest.mark.parametrize("arm", ["champion", "challenger"])
def test_a_suspended_routing_asks_nobody_and_leaves_everyone_to_a_person(world: World, arm: str) -> None:
    unit = unit_of(world, arm)
    given = {name: len(place.given) for name, place in world.places.items()}
    answers = world.ask(unit, None, unit, routing=replace(ROUTING, suspended=True))
    assert {answer.label for answer in answers} == {"Review_Required"}
    assert {answer.fallback_reason for answer in answers} == {Reason.SUSPENDED}
    assert [answer.assigned_to for answer in answers] == [arm, "unassigned", arm]
    assert {name: len(place.given) for name, place in world.places.items()} == given


def test_retries_are_bounded_by_a_budget_and_the_baseline_answers_beyond_it(world: World) -> None:
    """A challenger that fails every other call is not ejected at once; its failures may not double others' load."""
    unit = unit_of(world, "challenger")
    green, blue = world.places["green"], world.places["blue"]
    before, served = len(blue.given), []
    for index in range(2_000):
        green.fails = Reason.ERROR if index % 2 else None
        (answer,) = world.ask(unit)
        served.append(answer.served_by)
    assert len(blue.given) - before <= 0.1 * len(served) + BURST
    assert set(served) == {"challenger", "champion", "baseline"}


def test_a_slot_that_this_server_does_not_know_costs_nobody_an_answer(world: World) -> None:
    unit = unit_of(world, "challenger")
    elsewhere = replace(ROUTING, arms=(CHAMPION, replace(CHALLENGER, slot="violet")))
    (answer,) = world.ask(unit, routing=elsewhere)
    assert (answer.served_by, answer.fallback_reason) == ("champion", Reason.UNREACHABLE)


def test_with_everything_dead_everybody_is_left_to_a_person(world: World) -> None:
    for place in world.places.values():
        place.fails = Reason.UNREACHABLE
    answers = [world.ask(f"u{index}")[0] for index in range(500)]
    assert {(answer.label, answer.served_by) for answer in answers} == {("Review_Required", "review")}


def test_while_the_baseline_lives_nobody_is_left_to_a_person(world: World) -> None:
    world.places["blue"].fails, world.places["green"].fails = Reason.TIMEOUT, Reason.BAD_ANSWER
    answers = [world.ask(f"u{index}")[0] for index in range(500)]
    assert {answer.served_by for answer in answers} == {"baseline"}


def test_an_ejected_place_costs_no_retry(world: World) -> None:
    unit = unit_of(world, "champion")
    world.places["blue"].fails = Reason.ERROR
    for _ in range(3):
        world.ask(unit)
    answers = [world.ask(unit)[0] for _ in range(500)]
    assert {answer.served_by for answer in answers} == {"baseline"}


def test_while_suspended_no_place_is_asked(world: World) -> None:
    asked = [len(place.given) for place in world.places.values()]
    (answer,) = world.ask("u", routing=replace(ROUTING, suspended=True))
    assert (answer.served_by, answer.fallback_reason) == ("review", Reason.SUSPENDED)
    assert [len(place.given) for place in world.places.values()] == asked
