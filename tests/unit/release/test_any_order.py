"""Any order of wishes, with crashes and failing ports in between, by several actors: never a half state."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contender.errors import ContenderError, Unavailable
from contender.release import audit
from contender.release.executor import Release
from contender.release.machine import Kind, allowed
from contender.release.state import Phase
from contender.values import FallbackPolicy

TASK = "job-change"
Wish = Callable[[Release], object]

WISHES: dict[str, Wish] = {
    "install": lambda release: release.install("1"),
    "prepare 2": lambda release: release.prepare("2"),
    "prepare 3": lambda release: release.prepare("3"),
    "prepare two": lambda release: release.prepare("4", "5"),
    "start": lambda release: release.start("e", "salt", (0.1, 0.5)),
    "start at once": lambda release: release.start("e", "salt", (0.5,)),
    "start with a holdout": lambda release: release.start("e", "salt", (0.1, 0.5), holdout=0.2),
    "start a shadow": lambda release: release.start("e", "salt", (), shadow=True),
    "step": lambda release: release.step(),
    "promote": lambda release: release.promote("digest", "it wins"),
    "promote the second": lambda release: release.promote("digest", "it wins", arm="challenger-2"),
    "bake": lambda release: release.promote("digest", "it wins", bake=True),
    "baked": lambda release: release.baked(),
    "undo": lambda release: release.undo("no"),
    "abort": lambda release: release.abort("no"),
    "end holdout": lambda release: release.end_holdout(),
    "finish": lambda release: release.finish(),
    "suspend": lambda release: release.suspend("stop"),
    "lift": lambda release: release.lift("go on"),
    "resume": lambda release: release.resume(),
}
KINDS = {
    Kind.PREPARE: ("prepare 2", "prepare 3", "prepare two"),
    Kind.START: ("start", "start with a holdout", "start at once", "start a shadow"),
    Kind.STEP: ("step",),
    Kind.PROMOTE: ("promote", "promote the second"),
    Kind.BAKE: ("bake",),
    Kind.BAKED: ("baked",),
    Kind.UNDO: ("undo",),
    Kind.ABORT: ("abort",),
    Kind.FINISH: ("finish",),
    Kind.END_HOLDOUT: ("end holdout",),
    Kind.SUSPEND: ("suspend",),
    Kind.RESUME: ("lift", "lift", "resume"),
}

draws = st.tuples(st.booleans(), st.integers(0, 10_000))
troubles = st.one_of(
    st.none(), st.tuples(st.integers(0, 24), st.sampled_from(["crash", "port", "crash twice", "crash and resume"]))
)


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(draws, troubles), min_size=8, max_size=25))
def test_any_order_of_wishes_and_troubles(
    make_lab: Callable[[], Any], walk: list[tuple[tuple[bool, int], tuple[int, str] | None]]
) -> None:
    lab = make_lab()
    lab.places = ("blue", "green", "violet")
    lab.run(WISHES["install"])
    watch(lab)
    for draw, trouble in walk:
        meet(lab, chosen(lab, *draw), trouble)
    lab.release().resume()
    wholly_one_state(lab)


def chosen(lab: Any, anything: bool, number: int) -> str:
    """A wish: one that the table allows now, or any at all."""
    possible = [name for kind in allowed(lab.release().state()) for name in KINDS.get(kind, ())]
    names = [*WISHES] if anything or not possible else possible
    return names[number % len(names)]


def meet(lab: Any, name: str, trouble: tuple[int, str] | None) -> None:
    place, kind = trouble or (None, "")
    lab.break_at(place, Unavailable("out of order") if kind == "port" else None)
    with suppress(ContenderError, lab.Crash):
        WISHES[name](lab.release())
    if kind == "crash twice":
        lab.break_at(1)
    if kind.startswith("crash "):
        with suppress(ContenderError, lab.Crash):
            lab.release().resume()
    lab.break_at(None)
    assert audit.verify(lab.store.audit(TASK), lab.anchors.kept(TASK)) == []


def watch(lab: Any) -> None:
    """Look at the world at every touch of it, not only between the wishes."""
    touch = lab.fuse.place

    def place(name: str) -> None:
        everybody_is_answered(lab)
        touch(name)

    lab.fuse.place = place


def everybody_is_answered(lab: Any) -> None:
    """At any moment, also in the middle: whoever gets traffic is served there in just that version."""
    routing = lab.routing.current
    for arm in (*routing.arms, *([routing.shadow] if routing.shadow else [])):
        assert lab.slots.serving.get(arm.slot) == arm.version, (arm, lab.slots.serving)
    assert sum(arm.high - arm.low for arm in routing.arms) == pytest.approx(1.0)


def wholly_one_state(lab: Any) -> None:
    """Nothing is pending: routing, slots and aliases are what the saved state says."""
    state = lab.release().state()
    assert state.change is None
    wanted, found = state.routing(FallbackPolicy()), lab.routing.current
    assert (found.arms, found.shadow, found.experiment, found.suspended) == (
        wanted.arms,
        wanted.shadow,
        wanted.experiment,
        wanted.suspended,
    )
    for placed in (state.champion, *state.candidates):
        assert lab.slots.serving.get(placed.slot) == placed.version
    # While a promotion bakes the aliases are still where they were.
    named = state.previous if state.phase is Phase.PROMOTING else state.champion
    assert lab.registry.pointers["champion"] == named.version
    if state.phase is not Phase.PROMOTING:
        assert lab.registry.pointers.get("challenger") == (state.challenger.version if state.challenger else None)
