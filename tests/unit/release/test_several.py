"""Several challengers and a shadow: where they are placed, who is assigned to them, and which one is promoted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contender.errors import InvalidInput, Refused, Unavailable
from contender.release.approval import initiators
from contender.release.executor import Release
from contender.release.state import Phase, Ramp, ReleaseState
from contender.routing import parse
from contender.values import FallbackPolicy

PLACES = ("blue", "green", "violet", "amber")


@pytest.fixture
def wide(lab: Any) -> Any:
    """A world with four slots, in which version 1 is champion."""
    lab.places = PLACES
    return lab.run(lambda release: release.install("1"))


def arms(lab: Any) -> list[tuple[str, str, str, float, float]]:
    return [(arm.name, arm.slot, arm.version, arm.low, arm.high) for arm in lab.routing.current.arms]


def test_challengers_go_to_the_free_slots_and_divide_one_share(wide: Any) -> None:
    wide.run(lambda release: release.prepare("2", "3"), lambda release: release.start("e", "s", (0.5,)))
    assert arms(wide) == [
        ("champion", "blue", "1", 0.0, 0.5),
        ("challenger", "green", "2", 0.5, 0.75),
        ("challenger-2", "violet", "3", 0.75, 1.0),
    ]
    assert parse(wide.routing.current.to_json()) == wide.routing.current
    assert wide.events() == ["install", "prepare", "add", "start"]


def test_challengers_ramp_in_ranges_that_stand_still(wide: Any) -> None:
    wide.run(lambda release: release.prepare("2", "3"), lambda release: release.start("e", "s", (0.1, 0.5)))
    ranges, edges = arms(wide), [arm.covered for arm in wide.routing.current.arms]
    assert edges == [0.1, 0.55, 0.8]
    wide.run(lambda release: release.step())
    assert arms(wide) == ranges
    assert [arm.covered for arm in wide.routing.current.arms] == [0.5, 0.75, 1.0]


def test_a_shadow_alone_gets_nobody_and_is_mirrored_for_everybody(lab: Any) -> None:
    lab.run(
        lambda release: release.install("1"),
        lambda release: release.prepare("2"),
        lambda release: release.start("e", "s", (), shadow=True),
    )
    assert arms(lab) == [("champion", "blue", "1", 0.0, 1.0)]
    shadow = lab.routing.current.shadow
    assert (shadow.name, shadow.slot, shadow.version) == ("shadow", "green", "2")
    assert lab.routing.current.experiment.id == "e"
    lab.run(lambda release: release.undo("seen enough"))
    assert (lab.routing.current.shadow, lab.routing.current.experiment) == (None, None)
    assert lab.release().state().phase is Phase.PREPARED


def test_a_shadow_alone_is_never_promoted(lab: Any) -> None:
    lab.run(
        lambda release: release.install("1"),
        lambda release: release.prepare("2"),
        lambda release: release.start("e", "s", (), shadow=True),
    )
    for bake in (False, True):
        with pytest.raises(Refused, match="nobody was served by a shadow"):
            lab.release().promote("digest", "it looks better", bake=bake)
    with pytest.raises(Refused, match="last step"):
        lab.release().step()


def test_a_shadow_may_run_beside_a_challenger(wide: Any) -> None:
    wide.run(
        lambda release: release.prepare("2", "3"),
        lambda release: release.start("e", "s", (0.1, 0.5), shadow=True),
        lambda release: release.step(),
    )
    assert [arm[0] for arm in arms(wide)] == ["champion", "challenger"]
    assert wide.routing.current.shadow.version == "3"
    assert wide.routing.current.arms[1].share == 0.5


@pytest.mark.parametrize(("arm", "winner"), [("challenger", "2"), ("challenger-2", "3")])
def test_the_one_that_is_named_is_promoted_and_the_others_are_tidied_up(wide: Any, arm: str, winner: str) -> None:
    wide.run(
        lambda release: release.prepare("2", "3"),
        lambda release: release.start("e", "s", (0.5,)),
        lambda release: release.promote("digest", "it wins", arm=arm),
    )
    state = wide.release().state()
    assert (state.champion.version, state.previous.version, state.candidates) == (winner, "1", ())
    assert wide.registry.pointers["champion"] == winner
    wide.run(lambda release: release.finish())
    assert set(wide.slots.serving.values()) == {winner}


def test_an_arm_that_does_not_exist_is_not_promoted(wide: Any) -> None:
    wide.run(lambda release: release.prepare("2", "3"), lambda release: release.start("e", "s", (0.5,)))
    with pytest.raises(InvalidInput, match="there is no shadow"):
        wide.release().promote("digest", "it wins", arm="shadow")


def test_a_promotion_that_fails_moves_nobody_between_the_challengers(wide: Any) -> None:
    wide.run(lambda release: release.prepare("2", "3"), lambda release: release.start("e", "s", (0.5,)))
    before = arms(wide)
    wide.slots.serving["violet"] = "9"
    with pytest.raises(Unavailable, match="expected 3"):
        wide.release().promote("digest", "it wins", arm="challenger-2")
    assert arms(wide) == before
    assert [placed.version for placed in wide.release().state().candidates] == ["2", "3"]


def test_every_slot_may_be_taken(lab: Any) -> None:
    lab.run(lambda release: release.install("1"))
    with pytest.raises(Refused, match="every slot is taken: blue, green"):
        lab.release().prepare("2", "3")
    assert lab.release().state().phase is Phase.PREPARED


def test_preparing_the_same_ones_again_changes_nothing_and_others_take_their_place(wide: Any) -> None:
    wide.run(lambda release: release.prepare("2", "3"))
    revision = wide.release().state().revision
    assert wide.release().prepare("2", "3").revision == revision
    wide.run(lambda release: release.prepare("3"))
    assert wide.slots.serving == {"blue": "1", "green": "3"}


@pytest.mark.parametrize(
    ("versions", "shares", "shadow", "problem"),
    [
        (("2",), (0.5,), True, "not the shadow"),
        (("2",), (), False, "not the shadow"),
    ],
)
def test_shares_that_fit_nobody_are_refused(
    wide: Any,
    versions: tuple[str, ...],
    shares: tuple[float, ...],
    shadow: bool,
    problem: str,
) -> None:
    wide.run(lambda release: release.prepare(*versions))
    with pytest.raises(InvalidInput, match=problem):
        wide.release().start("e", "s", shares, shadow=shadow)


def test_slots_that_are_no_longer_configured_stay_known_while_they_are_used(wide: Any) -> None:
    wide.run(lambda release: release.prepare("2", "3"))
    wide.places = PLACES[:2]
    wide.run(lambda release: release.abort("not these"))
    assert wide.slots.serving == {"blue": "1"}


@pytest.mark.parametrize(
    "call",
    [
        lambda release: release.prepare("2", "3"),
        lambda release: release.start("e", "s", (0.5,)),
        lambda release: release.promote("digest", "it wins", arm="challenger-2"),
    ],
)
def test_stopped_anywhere_it_is_resumed_to_where_it_was_going(
    make_lab: Any,
    call: Callable[[Release], object],
) -> None:
    story: list[Callable[[Release], object]] = [
        lambda release: release.install("1"),
        lambda release: release.prepare("2", "3"),
        lambda release: release.start("e", "s", (0.5,)),
        lambda release: release.promote("digest", "it wins", arm="challenger-2"),
    ]
    for at in range(200):
        lab = make_lab()
        lab.places = PLACES
        lab.run(*story[: _place_of(call, story)])
        lab.break_at(at)
        try:
            lab.run(call)
        except lab.Crash:
            lab.release().resume()
            lab.release().resume()
            state = lab.release().state()
            assert state.change is None
            assert set(lab.slots.serving) >= state.used_slots
            continue
        return
    raise AssertionError("the story has no end")


def _place_of(call: Callable[[Release], object], story: list[Callable[[Release], object]]) -> int:
    names = [one.__code__.co_names[-1] for one in story]
    return names.index(call.__code__.co_names[-1])


def test_a_state_that_was_saved_before_there_were_rivals_is_read() -> None:
    state = ReleaseState("job-change", ramp=Ramp("e", "s", (0.5,)))
    document = state.to_document()
    for name in ("rivals", "slots"):
        del document[name]
    del document["ramp"]["shadow"]
    assert ReleaseState.from_document(document) == state
    assert ReleaseState.from_document(replace(state, slots=PLACES).to_document()).slots == PLACES


def test_who_added_a_challenger_cannot_approve_it() -> None:
    def told(event: str, actor: str) -> dict[str, object]:
        return {"event": event, "actor": actor, "detail": {}}

    records = [told("add", "old"), told("prepare", "ada"), told("add", "bob"), told("start", "cyd")]
    assert initiators(records) == {"ada", "bob", "cyd"}


def test_without_a_champion_there_is_no_routing() -> None:
    assert ReleaseState("job-change").routing(FallbackPolicy()) is None
