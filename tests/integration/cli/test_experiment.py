"""Experiments by the command's own functions, on a real store and a real routing file; slots and registry are files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from benchmarks.release_lab import FolderRegistry, FolderSlots
from cli import experiment, terms
from cli.baking import limits_of, plan_of
from cli.compose import Workplace
from cli.settings import Settings
from cli.steering import steer
from contender.adapters.routing_file import RoutingFile
from contender.adapters.store_sql import Store
from contender.errors import InvalidInput, NotFound, Refused, Unavailable
from contender.experiment.analysis import Experiment, look
from contender.experiment.assignment import assign
from contender.experiment.decision import Verdict
from contender.experiment.plan import Plan, Step
from contender.metrics import PlannedMetric
from contender.release.actions import Ports
from contender.release.executor import Release
from contender.release.state import Phase
from contender.routing import Routing
from contender.values import CHAMPION, SHADOW, Exposure, Outcome, shadow_of

TASK = "job-change"
PLAN = Plan(
    min_units=100,
    horizon_units=4_000,
    tuning_units=400,
    ramp=(Step(0.1, 20), Step(0.5)),
    window_s=60.0,
    grace_s=10.0,
    metrics=(PlannedMetric("acceptance", window_s=60.0),),
)
WIDE = ("blue", "green", "violet")


class Bench(Workplace):
    """A workplace without servers: everything that is asked to serve does so at once, and time passes when told to."""

    ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_s

    @cached_property
    def store(self) -> Store:
        return Store(self.settings.store_url, clock=self.now)

    @cached_property
    def routing(self) -> RoutingFile:
        return RoutingFile(self.settings.routing)

    @cached_property
    def release(self) -> Release:
        home = self.settings.home
        registry = FolderRegistry(home / "aliases.json")
        ports = Ports(FolderSlots(home / "slots"), self.routing, registry, self.store, places=self.settings.slots)
        return Release(ports, TASK, self.task.policy, clock=time.time, actor="ada")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(Settings(home=tmp_path, slots=WIDE), TASK)
    made.release.install("1")
    yield made
    made.store.close()


class People:
    """Ever new people, answered as the routing says and rewarded by who answered: score 1 is right for everybody."""

    def __init__(self, place: Bench, **scores: float) -> None:
        self._place, self._scores, self._seen = place, scores, 0

    def come(self, count: int) -> None:
        routing = self._place.routing.read(TASK)
        assert routing
        for number in range(self._seen, self._seen + count):
            arm, counted = assign(routing, f"person-{number}")
            answers = [self._exposure(number, arm, routing, counted)]
            if routing.shadow:
                answers.append(self._exposure(number, SHADOW, routing, counted))
            told = [Outcome(f"o{number}", f"p{number}", TASK, 1, answers[0].at + 1)]
            if number % 3:
                told.append(Outcome(f"a{number}", f"p{number}", TASK, 1, answers[0].at + 1, "acceptance"))
            self._place.store.append(answers, told)
        self._seen += count
        self._place.ahead_s += 100.0  # until the window of all of them has closed
        self._place.store.settle(TASK, self._place.task.reward)

    def _exposure(self, number: int, arm: str, routing: Any, counted: bool) -> Exposure:
        name = f"p{number}"
        return Exposure(
            prediction_id=shadow_of(name) if arm == SHADOW else name,
            task=TASK,
            experiment_id=routing.experiment.id if routing.experiment else None,
            generation=routing.generation,
            unit_id=f"person-{number}",
            assigned_to=arm,
            served_by=arm,
            model_version="1",
            label="looking",
            score=min(1.0, self._scores.get(arm, 0.7) + number % 7 / 50),
            confidence=0.9,
            fallback_reason=None,
            latency_ms=3.0,
            at=self._place.now(),
            counted=counted,
        )


def begun(place: Bench, *challengers: str, planned: Plan = PLAN, shadow: str = "") -> Experiment:
    return experiment.begin(place, planned, challengers, shadow)


def coming(people: People, count: int) -> Callable[[float], None]:
    return lambda _seconds: people.come(count)


def test_a_ramp_is_taken_step_by_step_until_the_verdict(place: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    begun(place, "2")
    verdict = steer(place, 1.0, coming(People(place, challenger=0.95), 120))
    assert verdict.decision == "promote"
    running = experiment.current(place)
    assert [share for _, share in running.shares] == [0.1, 0.5]
    assert "of 20 units seen in this step" not in capsys.readouterr().out
    assert place.release.state().phase is Phase.EXPERIMENTING


def test_a_verdict_against_the_challenger_is_carried_out(place: Bench) -> None:
    begun(place, "2")
    assert steer(place, 1.0, coming(People(place, challenger=0.2), 120)).decision == "roll back"
    assert place.release.state().phase is Phase.PREPARED
    assert place.store.experiments(TASK)[-1]["status"] == "stopped"
    with pytest.raises(NotFound):
        experiment.current(place)


class Full(RoutingFile):
    """A routing folder in which no experiment can be written."""

    def write(self, routing: Routing, *, expected: int | None) -> None:
        if routing.experiment:
            raise Unavailable("the disk is full")
        super().write(routing, expected=expected)


class Narrow(Bench):
    @cached_property
    def routing(self) -> RoutingFile:
        return Full(self.settings.routing)


def test_an_experiment_that_cannot_begin_does_not_stay_running(place: Bench) -> None:
    narrow = Narrow(place.settings, TASK)
    with pytest.raises(Unavailable, match="the disk is full"):
        begun(narrow, "2")
    narrow.store.close()
    assert place.store.experiments(TASK)[-1]["status"] == "stopped"
    assert place.release.state().phase is Phase.PREPARED
    assert begun(place, "2").id


def test_the_best_of_two_challengers_is_promoted_under_its_plan(place: Bench) -> None:
    planned = replace(PLAN, review_margin=0.07, ramp=())
    running = begun(place, "2", "3", planned=planned)
    people = People(place, **{"challenger": 0.8, "challenger-2": 0.95})
    people.come(900)
    verdict = look(place.store, running)
    assert (verdict.decision, verdict.arm, verdict.others["challenger"].arm) == (
        "promote",
        "challenger-2",
        "challenger",
    )
    state = place.release.promote("digest", verdict.reason, arm=verdict.arm)
    assert state.champion
    assert state.champion.version == "3"
    assert plan_of(place, state) == running.plan
    assert limits_of(planned).margins["review"] == 0.07
    assert plan_of(place, place.release.undo("no")) == Plan()


@pytest.mark.parametrize(
    ("score", "declared", "rule"), [(0.95, True, "shadow-better"), (0.3, True, "worse"), (0.3, False, "shadow")]
)
def test_a_shadow_is_compared_on_the_same_people(place: Bench, score: float, declared: bool, rule: str) -> None:
    running = begun(place, planned=replace(PLAN, ramp=(), outcomes_ignore_answers=declared), shadow="2")
    People(place, shadow=score).come(150)
    verdict = look(place.store, running)
    assert (verdict.rule, verdict.arm, verdict.units) == (rule, SHADOW, 150)
    assert set(place.store.experiment_data(running.id).arms) == {CHAMPION}
    with pytest.raises(Refused, match="nobody was served by a shadow"):
        place.release.promote("digest", "it looks better")
    place.release.undo("seen enough")
    experiment.close(place, running)
    assert begun(place, "2").versions == {"challenger": "2"}


def test_nobody_and_the_same_version_twice_are_refused(place: Bench) -> None:
    with pytest.raises(InvalidInput, match="there is none"):
        begun(place)
    with pytest.raises(InvalidInput, match="the same version twice"):
        begun(place, "2", "2")


def test_a_second_experiment_is_refused_with_the_way_to_end_the_first(place: Bench) -> None:
    running = begun(place, planned=PLAN, shadow="2")
    with pytest.raises(Refused, match=f"experiment {running.id} is running.*contender experiment stop"):
        begun(place, "2")
    assert place.store.audit(TASK)[-1]["event"] == "start refused"


def test_the_spread_of_rewards_is_taken_from_the_last_experiment_that_saw_enough(place: Bench) -> None:
    assert terms.spread_seen(place.store, TASK, PLAN) == (
        terms.USUAL_DEVIATION,
        "assumed: no experiment has seen enough units",
    )
    running = begun(place, "2", planned=replace(PLAN, ramp=()))
    People(place).come(300)
    spread, source = terms.spread_seen(place.store, TASK, PLAN)
    assert 0.0 < spread < 0.1
    assert running.id in source


def test_what_is_shown_of_an_experiment_holds_its_ramp(place: Bench) -> None:
    running = begun(place, "2")
    People(place).come(50)
    verdict: Verdict = look(place.store, running)
    at = experiment.standing(place, running, verdict)
    assert (at.step, at.steps, at.next_share, at.ready) == (1, 2, 0.5, False)
    assert json.dumps(at.to_document())
