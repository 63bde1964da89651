"""The kill switch, carried out against fakes: at any moment, and against rivals."""

from __future__ import annotations

from typing import Any

import pytest

from contender.errors import Conflict, DeadlineExceeded, Refused, Unavailable
from contender.release import audit
from contender.release.machine import Kind
from contender.release.state import Phase

TASK = "job-change"


def experimenting(lab: Any) -> Any:
    return lab.run(
        lambda release: release.install("7"),
        lambda release: release.prepare("8"),
        lambda release: release.start("e1", "salt", (0.1, 0.5)),
    )


def test_suspending_leaves_models_aliases_and_arms_alone(lab: Any) -> None:
    before = experimenting(lab).seen()
    state = lab.release().suspend("a poisoned feed")
    assert state.suspended
    assert state.phase is Phase.EXPERIMENTING
    after = lab.seen()
    assert after["suspended"] is True
    for name in ("arms", "experiment", "aliases", "slots"):
        assert after[name] == before[name]
    assert lab.store.audit(TASK)[-1]["detail"]["reason"] == "a poisoned feed"


def test_lifting_brings_everything_back(lab: Any) -> None:
    before = experimenting(lab).seen()
    lab.run(lambda release: release.suspend("stop"), lambda release: release.lift("go on"))
    assert lab.seen() == before
    assert lab.events()[-2:] == ["suspend", "resume"]


def test_suspending_twice_changes_nothing(lab: Any) -> None:
    experimenting(lab).run(lambda release: release.suspend("stop"))
    before = lab.store.release
    assert lab.release().suspend("stop!").suspended
    assert lab.store.release == before


def test_what_is_not_suspended_cannot_be_lifted(lab: Any) -> None:
    with pytest.raises(Refused, match="not suspended"):
        experimenting(lab).release().lift("why not")
    assert lab.events()[-1] == "resume refused"


def test_going_back_while_suspended_keeps_the_switch_pulled(lab: Any) -> None:
    experimenting(lab).run(
        lambda release: release.promote("digest", "it wins"),
        lambda release: release.suspend("stop"),
        lambda release: release.undo("no"),
    )
    assert lab.routing.current.suspended
    assert lab.routing.current.arms[0].version == "7"
    with pytest.raises(Refused, match="suspended, nobody is answered by a model"):
        lab.release().start("e2", "salt", (0.5,))


def test_a_promotion_that_hangs_behind_its_switch_is_finished_behind_the_closed_door(lab: Any) -> None:
    experimenting(lab).routing.late = True
    with pytest.raises(DeadlineExceeded):
        lab.release().promote("digest", "it wins")
    lab.routing.late = False
    state = lab.release().suspend("stop")
    assert (state.phase, state.champion.version, state.change) == (Phase.PROMOTED, "8", None)
    assert lab.registry.pointers == {"champion": "8", "previous": "7"}
    assert lab.store.audit(TASK)[-1]["detail"]["interrupts"] == "promote"


def test_a_switch_whose_readers_hang_is_written_all_the_same_and_finished_when_pulled_again(lab: Any) -> None:
    experimenting(lab).routing.late = True
    with pytest.raises(DeadlineExceeded):
        lab.release().suspend("stop")
    assert lab.routing.current.suspended
    lab.routing.late = False
    assert lab.release().suspend("stop!").change is None
    assert lab.events().count("suspend") == 1


def test_a_half_done_undo_of_a_suspended_release_does_not_hide_that_the_switch_was_never_written(lab: Any) -> None:
    experimenting(lab).run(lambda release: release.promote("digest", "it wins"))
    lab.break_at(4)  # the switch's audit record is written, its routing is not
    with pytest.raises(lab.Crash):
        lab.release().suspend("stop")
    lab.slots.refuses = {"7"}
    lab.slots.serving.pop("blue")
    with pytest.raises(Unavailable):
        lab.release().undo("no")
    assert not lab.routing.current.suspended
    lab.slots.refuses = set()
    assert lab.release().suspend("stop").suspended
    assert lab.routing.current.suspended
    assert lab.routing.current.arms[0].version == "7"


def test_the_switch_is_pulled_again_when_a_rival_was_faster(lab: Any) -> None:
    experimenting(lab)
    lab.break_at(0, Conflict("a rival's save came first"))
    assert lab.release().suspend("stop").suspended
    assert lab.events()[-2:] == ["suspend refused", "suspend"]


def test_a_switch_that_always_loses_says_so(lab: Any) -> None:
    experimenting(lab).store.save_release = lambda *_a, **_n: (_ for _ in ()).throw(Conflict("a rival"))
    with pytest.raises(Conflict, match="a rival"):
        lab.release().suspend("stop")
    assert lab.events().count("suspend refused") == 11


def test_a_refusal_from_outside_is_audited(lab: Any) -> None:
    experimenting(lab).release("eve").refuse(Kind.PROMOTE, Refused("the verdict is hold"))
    record = lab.store.audit(TASK)[-1]
    assert (record["event"], record["actor"], record["detail"]["reason"]) == (
        "promote refused",
        "eve",
        "the verdict is hold",
    )


@pytest.mark.parametrize("way_back", ["suspend", "undo", "abort"])
def test_a_way_back_waits_for_no_anchor_and_the_next_one_covers_it(lab: Any, way_back: str) -> None:
    experimenting(lab).anchors.away = True
    lab.run(lambda release: getattr(release, way_back)("complaints"))
    assert lab.events()[-1] == way_back
    assert lab.routing.current.suspended or len(lab.routing.current.arms) == 1
    assert lab.release().state().change is None
    lab.anchors.away = False
    lab.run(lambda release: release.suspend("again"), lambda release: release.lift("go on"))
    kept = lab.anchors.kept(TASK)
    assert kept[-1]["sequence"] == len(lab.events())
    assert audit.verify(lab.store.audit(TASK), kept) == []


def test_going_forward_waits_for_the_anchor(lab: Any) -> None:
    experimenting(lab).anchors.away = True
    with pytest.raises(Unavailable, match="nobody answers"):
        lab.release().promote("digest", "it wins")
    assert len(lab.routing.current.arms) == 2


@pytest.mark.parametrize("lifting", [False, True])
def test_giving_up_while_the_switch_is_half_way_leaves_it_as_the_state_says(make_lab: Any, lifting: bool) -> None:
    """`abort` of what gets no traffic writes no routing of its own; the unfinished switch's must not be lost."""

    def prepared() -> Any:
        lab = make_lab().run(lambda release: release.install("7"), lambda release: release.prepare("8"))
        return lab.run(lambda release: release.suspend("stop")) if lifting else lab

    def switch(release: Any) -> object:
        return release.lift("go on") if lifting else release.suspend("stop")

    whole = prepared()
    whole.break_at(None)
    whole.run(switch)
    for place in range(2, len(whole.fuse.names)):
        lab = prepared()
        lab.break_at(place)
        with pytest.raises(lab.Crash):
            lab.run(switch)
        lab.run(lambda release: release.abort("no"))
        state = lab.release().state()
        assert (state.phase, state.suspended, state.change) == (Phase.IDLE, not lifting, None)
        assert lab.routing.current.suspended is not lifting, whole.fuse.names[place]
