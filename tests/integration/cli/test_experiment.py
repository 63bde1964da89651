"""Experiments by the command's own functions, on a real store and a real routing file; slots and registry are files."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import pytest

from benchmarks.release_lab import FolderRegistry, FolderSlots
from cli import experiment, terms
from cli.baking import limits_of, plan_of
from cli.looking import RETURNED, look_at
from cli.reconcile import Terms, round_of
from cli.steering import steer
from contender.adapters.routing_file import RoutingFile
from contender.adapters.store_sql import Judge, Store
from contender.errors import InvalidInput, NotFound, Refused, Unavailable
from contender.experiment.analysis import look
from contender.experiment.decision import Verdict
from contender.experiment.plan import Plan
from contender.release.actions import Ports
from contender.release.executor import Release
from contender.release.state import Phase
from contender.routing import Routing
from contender.values import CHALLENGER, CHAMPION, SHADOW
from tests.integration.cli.bench import PLAN, TASK, Bench, People, begun


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


def test_an_alarm_of_missing_outcomes_that_goes_back_is_in_the_audit_trail(place: Bench) -> None:
    running = begun(place, "2", planned=replace(PLAN, ramp=()))
    people = People(place)
    people.silent = {CHALLENGER}
    people.come(20)
    assert look_at(place, running).faults == ("missing",)
    assert look_at(place, running).faults == ("missing",)
    people.silent = set()
    people.come(1_000)
    assert look_at(place, running).faults == ()
    assert look_at(place, running).faults == ()
    told = [record for record in place.store.audit(TASK) if record["event"] == RETURNED]
    assert [(record["detail"]["experiment"], record["detail"]["fault"]) for record in told] == [(running.id, "missing")]
    assert 0.0 < told[0]["detail"]["p"] <= running.plan.ratio_alpha


def test_what_nobody_noted_the_end_of_is_ended_by_whoever_comes_next(place: Bench) -> None:
    running = begun(place, "2")
    place.release.undo("died before it was noted")
    assert place.store.current_experiment(TASK) is not None
    second = begun(place, "2")
    assert [one["status"] for one in place.store.experiments(TASK)] == ["stopped", "running"]
    assert (running.plan.restarts, second.plan.restarts) == (0, 1)
    place.release.undo("died again")
    round_of(place, Terms(promote=False, bake_s=0.0, now=place.now()), threading.Event())
    assert place.store.current_experiment(TASK) is None


class Forgetful(FolderRegistry):
    """A registry in which no alias can be set."""

    def set_alias(self, task: str, alias: str, version: str | None) -> None:
        raise Unavailable(f"{task}: {alias} of {version} cannot be set")


class Watched(Store):
    """Notes what was unfinished of the release whenever outcomes are judged."""

    unfinished: list[object]

    def settle(self, task: str, reward: Judge) -> int:
        self.unfinished.append((self.load_release(task) or {})["change"])
        return super().settle(task, reward)


def test_a_round_finishes_what_a_crash_left_before_it_judges_outcomes(place: Bench) -> None:
    begun(place, "2")
    place.release.promote("digest", "it wins", generation=None)
    registry = Forgetful(place.settings.home / "aliases.json")
    ports = Ports(FolderSlots(place.settings.home / "slots"), place.routing, registry, place.store)
    with pytest.raises(Unavailable):
        Release(ports, TASK, place.task.policy, clock=time.time, actor="ada").undo("complaints")
    assert place.release.state().change is not None
    place.store.close()
    place.store = watched = Watched(place.settings.store_url, clock=place.now)
    watched.unfinished = []
    done = round_of(place, Terms(promote=False, bake_s=0.0, now=place.now()), threading.Event())
    assert (done.did, watched.unfinished) == (["finished undo"], [None])


def test_good_news_that_travels_slower_from_one_arm_is_no_effect(place: Bench) -> None:
    """V7: the truth takes ten seconds in one arm and fifty in the other; all of it comes within the window."""
    running = begun(place, "2", planned=replace(PLAN, ramp=()))
    people = People(place)
    people.delays = {CHALLENGER: 50.0}
    for _ in range(8):
        people.come(150, wait_s=20.0)
        assert look_at(place, running).decision == "hold"
    people.wait(100.0)
    verdict = look_at(place, running)
    assert verdict.units == 1_200
    assert verdict.effect == pytest.approx(0.0, abs=0.005)
    assert verdict.health == ()
