"""A release is stopped, or a port fails, before and after every touch of the world: then it is wholly old or new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from contender.errors import Conflict, ContenderError, DeadlineExceeded, Unavailable
from contender.release import audit

TASK = "job-change"
Call = Callable[[Any], object]


def install(release: Any) -> object:
    return release.install("7")


def prepare(release: Any) -> object:
    return release.prepare("8")


def start(release: Any) -> object:
    return release.start("e1", "salt", (0.1, 0.5))


def step(release: Any) -> object:
    return release.step()


def promote(release: Any) -> object:
    return release.promote("digest", "it wins")


def bake(release: Any) -> object:
    return release.promote("digest", "it wins", bake=True)


def baked(release: Any) -> object:
    return release.baked()


def undo(release: Any) -> object:
    return release.undo("no")


def abort(release: Any) -> object:
    return release.abort("no")


def finish(release: Any) -> object:
    return release.finish()


def suspend(release: Any) -> object:
    return release.suspend("stop")


def lift(release: Any) -> object:
    return release.lift("go on")


def resume(release: Any) -> object:
    return release.resume()


@dataclass(frozen=True)
class Case:
    before: tuple[Call, ...]
    call: Call


RUNNING = (install, prepare, start)
CASES = [
    Case((), install),
    Case((install,), prepare),
    Case((install, prepare), start),
    Case((install, prepare), abort),
    Case(RUNNING, step),
    Case(RUNNING, promote),
    Case(RUNNING, bake),
    Case(RUNNING, undo),
    Case(RUNNING, abort),
    Case((*RUNNING, bake), baked),
    Case((*RUNNING, bake), undo),
    Case((*RUNNING, bake), abort),
    Case((*RUNNING, promote), undo),
    Case((*RUNNING, promote), finish),
    Case((*RUNNING, promote, finish), undo),
    Case(RUNNING, suspend),
    Case((*RUNNING, promote), suspend),
    Case((*RUNNING, suspend), lift),
    Case((*RUNNING, suspend), undo),
]


def names(case: Case) -> str:
    return "-".join(call.__name__ for call in (*case.before, case.call))


@pytest.fixture(params=CASES, ids=names)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def places(make_lab: Callable[[], Any], case: Case) -> list[str]:
    """Every touch of the world that the case makes, from a run that nothing disturbs."""
    lab = make_lab().run(*case.before)
    lab.break_at(None)
    lab.run(case.call)
    found: list[str] = lab.fuse.names
    return found


def stopped(make_lab: Callable[[], Any], case: Case, place: int) -> Any:
    lab = make_lab().run(*case.before)
    lab.break_at(place)
    with pytest.raises(lab.Crash):
        lab.run(case.call)
    return lab


def test_a_crash_anywhere_and_a_resume_is_wholly_old_or_wholly_new(make_lab: Callable[[], Any], case: Case) -> None:
    old, new = make_lab().run(*case.before), make_lab().run(*case.before, case.call)
    touched = places(make_lab, case)
    assert len(touched) >= 10
    for place, name in enumerate(touched):
        lab = stopped(make_lab, case, place).run(resume)
        wanted = old if name == "before save" and place == 0 else new
        assert lab.seen() == wanted.seen(), name
        assert lab.events() == wanted.events(), name
        assert audit.verify(lab.store.audit(TASK)) == []
        assert lab.release().resume().change is None


def test_a_crash_anywhere_and_a_way_back_leaves_the_version_before(make_lab: Callable[[], Any]) -> None:
    for case in (case for case in CASES if case.call in {step, promote, bake}):
        for place, name in enumerate(places(make_lab, case)):
            lab = stopped(make_lab, case, place).run(undo)
            assert lab.seen() == make_lab().run(*case.before, undo).seen(), name
            assert audit.verify(lab.store.audit(TASK)) == []


def test_a_crash_anywhere_and_an_abort_leaves_the_champion_alone(make_lab: Callable[[], Any]) -> None:
    for case in (case for case in CASES if case.call in {start, step, bake}):
        for place, name in enumerate(places(make_lab, case)):
            lab = stopped(make_lab, case, place).run(abort)
            assert lab.seen() == make_lab().run(*case.before, abort).seen(), name


def test_a_crash_anywhere_does_not_stop_the_kill_switch(make_lab: Callable[[], Any], case: Case) -> None:
    """Whatever was under way: nobody is answered by a model, and the rest is as before it or as it would be after."""
    old, new = make_lab().run(*case.before), make_lab().run(*case.before, case.call)
    whole = [closed(lab.seen()) for lab in (old, new) if lab.routing.current]
    for place, name in enumerate(places(make_lab, case)):
        lab = stopped(make_lab, case, place)
        if lab.release().state().champion is None:
            continue  # before the first champion there is nothing to suspend
        lab.run(suspend)
        assert lab.routing.current.suspended, name
        assert lab.seen() in whole, name
        assert audit.verify(lab.store.audit(TASK), lab.anchors.kept(TASK)) == []


def closed(seen: dict[str, Any]) -> dict[str, Any]:
    """The same world with the kill switch pulled."""
    return {**seen, "suspended": True, "state": {**seen["state"], "suspended": True}}


def test_two_crashes_in_a_row_are_survived_as_well(make_lab: Callable[[], Any], case: Case) -> None:
    new = make_lab().run(*case.before, case.call)
    for place in range(2, len(places(make_lab, case)) - 1, 3):
        lab = stopped(make_lab, case, place)
        if lab.release().state().change is None:
            continue  # only the anchor was missing
        lab.break_at(1)
        with pytest.raises(lab.Crash):
            lab.run(resume)
        assert lab.run(resume).seen() == new.seen()


@pytest.mark.parametrize("kind", [Unavailable, DeadlineExceeded, Conflict])
def test_a_port_that_fails_anywhere_leaves_old_or_what_resume_makes_new(
    make_lab: Callable[[], Any], case: Case, kind: type[ContenderError]
) -> None:
    old, new = make_lab().run(*case.before).seen(), make_lab().run(*case.before, case.call).seen()
    for place, name in enumerate(places(make_lab, case)):
        lab = make_lab().run(*case.before)
        lab.break_at(place, kind("out of order"))
        survived = False
        try:
            lab.run(case.call)
            survived = True
        except kind:
            lab.run(resume)
        assert lab.seen() in ((new,) if survived else (old, new)), name
        assert audit.verify(lab.store.audit(TASK)) == []
        assert lab.release().state().change is None


def test_the_matrix_is_large_enough(make_lab: Callable[[], Any]) -> None:
    assert sum(len(places(make_lab, case)) for case in CASES) >= 60
