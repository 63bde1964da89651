"""The few who stay on the version before after a promotion."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInput, Refused
from contender.experiment.assignment import assign
from contender.experiment.plan import Plan
from contender.release.machine import Event, Kind, next_state
from contender.release.state import Holdout, Phase, Placed, Ramp, ReleaseState
from contender.routing import BUCKETS, parse
from contender.units import UnitForm
from contender.values import FallbackPolicy, ModelVersion

PLACED = {
    version: Placed(slot, ModelVersion("job-change", version, "1.0.0", "/m", version * 64))
    for version, slot in (("1", "blue"), ("2", "green"))
}
PEOPLE = [f"person-{number}" for number in range(2_000)]


@pytest.fixture
def promoted(lab: Any) -> Any:
    """A world in which version 2 was promoted, and a tenth of all people stay on version 1."""
    return lab.run(
        lambda release: release.install("1"),
        lambda release: release.prepare("2"),
        lambda release: release.start("e", "s", (0.1, 0.5), holdout=0.1),
        lambda release: release.promote("digest", "it wins"),
    )


def arms(lab: Any) -> list[tuple[str, str, str, float, float, float]]:
    found = lab.routing.current.arms
    return [(arm.name, arm.slot, arm.version, arm.low, arm.high, arm.covered) for arm in found]


def test_the_holdout_is_served_by_the_version_before(promoted: Any) -> None:
    assert arms(promoted) == [("champion", "green", "2", 0.1, 1.0, 0.5), ("holdout", "blue", "1", 0.0, 0.1, 0.1)]
    routing = promoted.routing.current
    assert (routing.experiment.id, routing.experiment.salt, routing.experiment.coverage) == ("e-holdout", "s", 1.0)
    assert parse(routing.to_json()) == routing
    assert routing.shares_now() == {"champion": 0.9, "holdout": 0.1}
    assert promoted.registry.pointers == {"champion": "2", "previous": "1"}
    assert json.loads(promoted.store.records[-2])["detail"]["holdout"] == 0.1


@given(st.integers(1, BUCKETS - 2), st.floats(0.0, 1.0), st.booleans())
def test_whoever_is_compared_was_the_champions_until_the_promotion(last: int, part: float, ramped: bool) -> None:
    held = max(1, int(part * (BUCKETS - last)) // 2) / BUCKETS
    shares = (last / BUCKETS / 2, last / BUCKETS) if ramped else (last / BUCKETS,)
    before = ReleaseState(
        "job-change",
        Phase.EXPERIMENTING,
        champion=PLACED["1"],
        challenger=PLACED["2"],
        ramp=Ramp("e", "s", shares, fixed=True, holdout=held),
    )
    after, _ = next_state(before, Event(Kind.PROMOTE))
    first, second = before.routing(FallbackPolicy()), after.routing(FallbackPolicy())
    assert first
    assert second
    assert parse(second.to_json()) == second
    for person in PEOPLE[:200]:
        was, now = assign(first, person), assign(second, person)
        served = {"champion": "2", "holdout": "1"}[now.arm]
        assert (was.arm, served) != ("challenger", "1"), "taken back"
        if now.counted:
            assert was.arm == "champion"
        if was.counted:
            assert now.counted == (was.arm == "champion")


def test_as_many_are_held_out_as_were_planned(promoted: Any) -> None:
    routing = promoted.routing.current
    held = sum(assign(routing, person).arm == "holdout" for person in PEOPLE)
    assert held == pytest.approx(0.1 * len(PEOPLE), rel=0.15)


def test_the_holdout_ends_before_its_slot_is_emptied(promoted: Any) -> None:
    with pytest.raises(Refused, match=r"finish is not possible: 10.00% of the people are held out.*contender finish"):
        promoted.run(lambda release: release.finish())
    assert promoted.slots.serving == {"blue": "1", "green": "2"}
    promoted.run(lambda release: release.end_holdout())
    assert arms(promoted) == [("champion", "green", "2", 0.0, 1.0, 1.0)]
    assert promoted.routing.current.experiment is None
    promoted.run(lambda release: release.finish())
    assert promoted.slots.serving == {"green": "2"}
    with pytest.raises(Refused, match="end holdout is not possible"):
        promoted.run(lambda release: release.end_holdout())


def test_nothing_else_begins_beside_a_holdout(promoted: Any) -> None:
    with pytest.raises(Refused, match="prepare is not possible while the release is promoted"):
        promoted.run(lambda release: release.prepare("3"))


def test_undo_takes_everybody_back(promoted: Any) -> None:
    promoted.run(lambda release: release.undo("it is worse"))
    assert arms(promoted) == [("champion", "blue", "1", 0.0, 1.0, 1.0)]
    state = promoted.release().state()
    assert (state.phase, state.holdout) == (Phase.PREPARED, None)


def test_a_bake_watches_with_the_holdout_in_place(lab: Any) -> None:
    lab.run(
        lambda release: release.install("1"),
        lambda release: release.prepare("2"),
        lambda release: release.start("e", "s", (0.5,), holdout=0.25),
        lambda release: release.promote("digest", "it wins", bake=True),
    )
    assert [name for name, *_ in arms(lab)] == ["champion", "holdout"]
    lab.run(lambda release: release.baked())
    assert lab.release().state().holdout == Holdout("e-holdout", "s", 0.25, 0.5, UnitForm.NORMAL)


def test_while_suspended_no_holdout_can_be_ended(promoted: Any) -> None:
    promoted.run(lambda release: release.suspend("stop"))
    with pytest.raises(Refused, match="suspended"):
        promoted.run(lambda release: release.end_holdout())


def test_a_shadow_leaves_no_holdout(lab: Any) -> None:
    lab.run(
        lambda release: release.install("1"),
        lambda release: release.prepare("2"),
        lambda release: release.start("e", "s", (), shadow=True, holdout=0.1),
    )
    assert lab.release().state().ramp.holdout == 0.0


@pytest.mark.parametrize("holdout", [-0.1, 0.26])
def test_a_holdout_is_a_part_of_the_champions_people(holdout: float) -> None:
    with pytest.raises(InvalidInput, match="holdout: must lie between 0 and half of the champion's share"):
        Ramp("e", "s", (0.5,), holdout=holdout)


@pytest.mark.parametrize(
    ("holdout", "problem"),
    [
        (0.06, r"plan.holdout: must be at most 0.05, half of the champion's share"),
        (0.00001, r"plan.holdout: must be 0 or at least 0.0001"),
        (-0.1, r"plan.holdout: must lie from 0"),
    ],
)
def test_a_plan_with_too_large_or_too_small_a_holdout_is_refused(holdout: float, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        Plan(challenger_share=0.9, holdout=holdout)
    assert Plan(challenger_share=0.9, holdout=0.05).holdout == 0.05
