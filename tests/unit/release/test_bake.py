"""Baking: a promotion is watched, and undone by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from contender.errors import Conflict, Unavailable
from contender.release.bake import Clock, Limits, Patience, bake, breach_of
from contender.release.ports import Rates
from contender.release.state import Phase


class Watch:
    """Says at each look what it was told, and then that all is well; None: it cannot see."""

    def __init__(self, *looks: str | None) -> None:
        self.looks, self.seen = list(looks), 0

    def breach(self) -> str:
        self.seen += 1
        found = self.looks.pop(0) if self.looks else ""
        if found is None:
            raise Unavailable("the store is away")
        return found


class Time:
    def __init__(self) -> None:
        self.now, self.slept = 0.0, []  # type: float, list[float]

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


def baking(lab: Any) -> Any:
    lab.run(
        lambda release: release.install("7"),
        lambda release: release.prepare("8"),
        lambda release: release.start("e1", "salt", (0.5,)),
        lambda release: release.promote("digest", "it wins", bake=True),
    )
    return lab.release()


def clock(time: Time) -> Clock:
    return Clock(lambda: time.now, time.sleep)


def test_a_quiet_bake_ends_in_a_promotion(lab: Any) -> None:
    watch, time = Watch(), Time()
    ended = bake(baking(lab), watch, Patience(2.5), clock(time))
    assert (ended.state.phase, ended.breach) == (Phase.PROMOTED, "")
    assert time.slept == [1.0, 1.0, 0.5]
    assert watch.seen == 4
    assert lab.registry.pointers == {"champion": "8", "previous": "7"}


def test_a_bake_of_no_time_is_looked_at_once(lab: Any) -> None:
    watch = Watch("fallback rate 40 %")
    assert bake(baking(lab), watch, Patience(0), clock(Time())).breach == "fallback rate 40 %"
    assert watch.seen == 1


@pytest.mark.parametrize("looks", [("bad",), ("", "", "bad"), (None, "bad"), (None, None, "", None, "bad")])
def test_a_breach_undoes_the_promotion(lab: Any, looks: Sequence[str | None]) -> None:
    ended = bake(baking(lab), Watch(*looks), Patience(60), clock(Time()))
    assert (ended.state.phase, ended.breach) == (Phase.PREPARED, "bad")
    assert lab.routing.current.arms[0].version == "7"
    assert lab.registry.pointers == {"champion": "7", "challenger": "8"}
    assert lab.store.audit("job-change")[-1]["detail"]["reason"] == "while baking: bad"


def test_a_watch_that_sees_nothing_three_times_undoes_as_well(lab: Any) -> None:
    ended = bake(baking(lab), Watch(None, None, "", None, None, None), Patience(60), clock(Time()))
    assert ended.breach == "the guardrails cannot be read: the store is away"
    assert ended.state.phase is Phase.PREPARED


def test_a_bake_does_not_end_on_a_look_that_saw_nothing(lab: Any) -> None:
    time = Time()
    assert bake(baking(lab), Watch(None, None), Patience(0), clock(time)).state.phase is Phase.PROMOTED
    assert time.slept == [1.0, 1.0]


def test_a_release_that_somebody_else_took_on_is_left_alone(lab: Any) -> None:
    release = baking(lab)
    lab.release().undo("by hand")
    before = lab.seen()
    with pytest.raises(Conflict, match="no longer baking"):
        bake(release, Watch(), Patience(9), clock(Time()))
    assert lab.seen() == before


BEFORE = Rates(2_000, {"fallback": 10, "review": 200, "slow": 0})


def test_the_same_rates_as_before_are_no_breach() -> None:
    assert breach_of(BEFORE, Rates(1_000, {"fallback": 5, "review": 100}), Limits()) == ""
    assert breach_of(BEFORE, Rates(0, {}), Limits()) == ""


@pytest.mark.parametrize(
    ("now", "fault"),
    [({"fallback": 60}, "fallback"), ({"review": 350}, "review"), ({"slow": 80}, "slow")],
)
def test_a_rate_over_its_margin_is_a_breach(now: dict[str, int], fault: str) -> None:
    found = breach_of(BEFORE, Rates(1_000, {"fallback": 5, "review": 100, "slow": 0} | now), Limits())
    assert found.startswith(f"{fault} rate {now[fault] / 10:.1f}% of 1000 units, before it was ")


def test_a_few_unlucky_units_are_no_breach() -> None:
    assert breach_of(BEFORE, Rates(20, {"fallback": 1, "review": 5}), Limits()) == ""
