"""The release machine: the whole product of phases and events."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from contender.errors import Refused
from contender.release.machine import COMMANDS, TABLE, Event, Kind, allowed, next_state
from contender.release.state import Action, Phase, Placed, Ramp, ReleaseState
from contender.values import FallbackPolicy, ModelVersion


def model(version: str) -> ModelVersion:
    return ModelVersion("job-change", version, "1.0.0", f"/models/{version}", version * 64)


SEVEN, EIGHT, SIX = model("7"), model("8"), model("6")
RAMP = Ramp("e1", "salt", (0.1, 0.5))
BLUE, GREEN = Placed("blue", SEVEN), Placed("green", EIGHT)

STATES = {
    Phase.IDLE: ReleaseState("job-change", Phase.IDLE, 5, 3, champion=BLUE, history=(SIX,)),
    Phase.PREPARED: ReleaseState(
        "job-change",
        Phase.PREPARED,
        5,
        3,
        champion=BLUE,
        challenger=GREEN,
        history=(SIX,),
        slots=("blue", "green", "violet"),
    ),
    Phase.EXPERIMENTING: ReleaseState(
        "job-change", Phase.EXPERIMENTING, 5, 3, champion=BLUE, challenger=GREEN, ramp=RAMP, history=(SIX,)
    ),
    Phase.PROMOTING: ReleaseState(
        "job-change", Phase.PROMOTING, 5, 3, champion=GREEN, previous=BLUE, history=(SIX, SEVEN)
    ),
    Phase.PROMOTED: ReleaseState(
        "job-change", Phase.PROMOTED, 5, 3, champion=GREEN, previous=BLUE, history=(SIX, SEVEN)
    ),
}

EXPECTED = {
    (Phase.IDLE, Kind.PREPARE): Phase.PREPARED,
    (Phase.IDLE, Kind.UNDO): Phase.PREPARED,
    (Phase.PREPARED, Kind.ADD): Phase.PREPARED,
    (Phase.PREPARED, Kind.START): Phase.EXPERIMENTING,
    (Phase.PREPARED, Kind.ABORT): Phase.IDLE,
    (Phase.EXPERIMENTING, Kind.STEP): Phase.EXPERIMENTING,
    (Phase.EXPERIMENTING, Kind.PROMOTE): Phase.PROMOTED,
    (Phase.EXPERIMENTING, Kind.BAKE): Phase.PROMOTING,
    (Phase.EXPERIMENTING, Kind.UNDO): Phase.PREPARED,
    (Phase.EXPERIMENTING, Kind.ABORT): Phase.IDLE,
    (Phase.PROMOTING, Kind.BAKED): Phase.PROMOTED,
    (Phase.PROMOTING, Kind.UNDO): Phase.PREPARED,
    (Phase.PROMOTING, Kind.ABORT): Phase.IDLE,
    (Phase.PROMOTED, Kind.UNDO): Phase.PREPARED,
    (Phase.PROMOTED, Kind.FINISH): Phase.IDLE,
    **{(phase, Kind.SUSPEND): phase for phase in Phase},
}
FORWARD = {
    (Phase.PREPARED, Kind.START),
    (Phase.EXPERIMENTING, Kind.STEP),
    (Phase.EXPERIMENTING, Kind.PROMOTE),
    (Phase.EXPERIMENTING, Kind.BAKE),
    (Phase.PROMOTING, Kind.BAKED),
}


def event(kind: Kind) -> Event:
    return Event(kind, model=EIGHT if kind in {Kind.INSTALL, Kind.PREPARE, Kind.ADD} else None, ramp=RAMP)


@pytest.mark.parametrize(("phase", "kind"), list(itertools.product(Phase, Kind)))
def test_every_event_in_every_phase_leads_where_the_table_says_or_is_refused(phase: Phase, kind: Kind) -> None:
    state = STATES[phase]
    if (phase, kind) not in EXPECTED:
        with pytest.raises(Refused, match=f"{kind} is not possible.*possible now: "):
            next_state(state, event(kind))
        assert kind in COMMANDS or kind in {Kind.ADD, Kind.BAKED, Kind.END_HOLDOUT}
        return
    after, actions = next_state(state, event(kind))
    assert after.phase is EXPECTED[phase, kind]
    assert actions
    assert after.generation == state.generation + (Action.WRITE_ROUTING in actions)


@pytest.mark.parametrize(("phase", "kind"), list(EXPECTED))
def test_nothing_is_torn_down_before_every_reader_left_it(phase: Phase, kind: Kind) -> None:
    _after, actions = next_state(STATES[phase], event(kind))
    if Action.RETIRE_REST in actions and Action.WRITE_ROUTING in actions:
        assert actions.index(Action.WRITE_ROUTING) < actions.index(Action.WAIT_APPLIED)
        assert actions.index(Action.WAIT_APPLIED) < actions.index(Action.RETIRE_REST)


@pytest.mark.parametrize(("phase", "kind"), list(EXPECTED))
def test_every_transition_writes_the_routing_once_at_most_and_only_when_it_changes(phase: Phase, kind: Kind) -> None:
    before, (after, actions) = STATES[phase], next_state(STATES[phase], event(kind))
    old, new = before.routing(FallbackPolicy()), after.routing(FallbackPolicy())
    assert old
    assert new
    seen = [(found.arms, found.experiment, found.suspended) for found in (old, new)]
    assert actions.count(Action.WRITE_ROUTING) == (seen[0] != seen[1])


@pytest.mark.parametrize("phase", [Phase.PROMOTING, Phase.PROMOTED])
def test_undo_of_a_promotion_returns_to_the_warm_slot_and_keeps_the_undone_one(phase: Phase) -> None:
    after, _actions = next_state(STATES[phase], event(Kind.UNDO))
    assert (after.champion, after.challenger, after.previous) == (BLUE, GREEN, None)
    assert after.history == (SIX,)


def test_undo_before_promotion_only_ends_the_experiment() -> None:
    after, actions = next_state(STATES[Phase.EXPERIMENTING], event(Kind.UNDO))
    assert (after.champion, after.challenger, after.ramp) == (BLUE, GREEN, None)
    assert actions == (Action.WRITE_ROUTING, Action.WAIT_APPLIED)


def test_undo_after_the_window_prepares_the_version_before_in_the_other_slot() -> None:
    after, actions = next_state(STATES[Phase.IDLE], event(Kind.UNDO))
    assert (after.champion, after.challenger) == (Placed("green", SIX), BLUE)
    assert actions[0] is Action.PREPARE_CHAMPION


def test_promotion_keeps_the_slot_that_was_tested() -> None:
    after, _actions = next_state(STATES[Phase.EXPERIMENTING], event(Kind.PROMOTE))
    assert (after.champion, after.previous, after.challenger, after.ramp) == (GREEN, BLUE, None, None)
    assert after.history == (SIX, SEVEN)


def test_abort_during_promotion_returns_and_empties_the_slot() -> None:
    after, actions = next_state(STATES[Phase.PROMOTING], event(Kind.ABORT))
    assert (after.champion, after.challenger, after.used_slots) == (BLUE, None, frozenset({"blue"}))
    assert actions[-1] is Action.RETIRE_REST


@pytest.mark.parametrize(
    ("state", "kind", "reason"),
    [
        (STATES[Phase.IDLE], Kind.INSTALL, "version 7 is champion already"),
        (ReleaseState("job-change"), Kind.PREPARE, "there is no champion yet"),
        (ReleaseState("job-change"), Kind.UNDO, "no version was champion before"),
        (
            ReleaseState(
                "job-change", Phase.EXPERIMENTING, champion=BLUE, challenger=GREEN, ramp=Ramp("e", "s", (0.5,))
            ),
            Kind.STEP,
            "the ramp is at its last step",
        ),
    ],
)
def test_a_row_may_not_apply_and_says_why(state: ReleaseState, kind: Kind, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        next_state(state, event(kind))


def test_the_first_champion_goes_to_blue_and_gets_everyone() -> None:
    after, actions = next_state(ReleaseState("job-change"), event(Kind.INSTALL))
    routing = after.routing(FallbackPolicy())
    assert routing
    assert [(arm.slot, arm.low, arm.high) for arm in routing.arms] == [("blue", 0.0, 1.0)]
    assert actions[0] is Action.PREPARE_CHAMPION


@pytest.mark.parametrize(("phase", "kind"), list(itertools.product(Phase, Kind)))
def test_a_suspended_release_goes_back_or_is_tidied_up_but_never_forward(phase: Phase, kind: Kind) -> None:
    state = replace(STATES[phase], suspended=True)
    possible = ({*EXPECTED} - FORWARD - {(phase, Kind.SUSPEND)}) | {(phase, Kind.RESUME)}
    if (phase, kind) not in possible:
        with pytest.raises(Refused, match=f"{kind} is not possible"):
            next_state(state, event(kind))
        return
    after, _actions = next_state(state, event(kind))
    assert after.suspended == (kind is not Kind.RESUME)
    assert after.phase is EXPECTED.get((phase, kind), phase)


@pytest.mark.parametrize("phase", list(Phase))
def test_suspending_touches_nothing_but_the_routing(phase: Phase) -> None:
    after, actions = next_state(STATES[phase], event(Kind.SUSPEND))
    assert replace(after, suspended=False, generation=STATES[phase].generation) == STATES[phase]
    assert actions == (Action.WRITE_ROUTING, Action.WAIT_APPLIED)


def test_resuming_brings_the_champion_up_before_traffic_returns() -> None:
    _after, actions = next_state(replace(STATES[Phase.IDLE], suspended=True), event(Kind.RESUME))
    assert actions == (Action.PREPARE_CHAMPION, Action.WRITE_ROUTING, Action.WAIT_APPLIED)


def test_without_a_champion_there_is_nothing_to_suspend() -> None:
    with pytest.raises(Refused, match="there is no champion yet"):
        next_state(ReleaseState("job-change"), event(Kind.SUSPEND))


def test_what_is_allowed_is_read_from_the_table() -> None:
    assert allowed(STATES[Phase.PROMOTED]) == (Kind.UNDO, Kind.FINISH, Kind.SUSPEND)
    assert allowed(replace(STATES[Phase.PREPARED], suspended=True)) == (Kind.ADD, Kind.ABORT, Kind.RESUME)
    assert {kind for _phase, kind in TABLE} == set(Kind)


def test_events_without_what_they_need_change_nothing_by_accident() -> None:
    bare = ReleaseState("job-change", Phase.EXPERIMENTING)
    assert next_state(bare, Event(Kind.STEP))[0].ramp is None
    assert next_state(bare, Event(Kind.PROMOTE))[0].history == ()
    assert next_state(ReleaseState("job-change"), Event(Kind.INSTALL))[0].champion is None
