"""A release carried out against fakes: what each method does, refuses, and tells the audit trail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contender.errors import Conflict, DeadlineExceeded, InvalidInput, NotFound, Refused, Unavailable
from contender.release import audit
from contender.release.state import Phase

TASK = "job-change"


def installed(lab: Any) -> Any:
    return lab.run(lambda release: release.install("7"))


def experimenting(lab: Any) -> Any:
    return installed(lab).run(
        lambda release: release.prepare("8"), lambda release: release.start("e1", "salt", (0.1, 0.5))
    )


def arms(lab: Any) -> list[tuple[str, str, str, float]]:
    return [(arm.name, arm.slot, arm.version, arm.low) for arm in lab.routing.current.arms]


def test_before_the_first_install_there_is_nothing(lab: Any) -> None:
    assert lab.release().state().champion is None
    assert lab.release().resume().phase is Phase.IDLE


def test_install_serves_everyone_from_blue(lab: Any) -> None:
    installed(lab)
    assert arms(lab) == [("champion", "blue", "7", 0.0)]
    assert lab.registry.pointers == {"champion": "7"}
    assert lab.slots.serving == {"blue": "7"}


def test_a_warm_slot_takes_people_back_while_the_place_of_artifacts_is_away(lab: Any) -> None:
    experimenting(lab).run(lambda release: release.promote("digest", "it wins"))
    lab.slots.refuses = {"7", "8"}
    lab.release().undo("complaints")
    assert arms(lab) == [("champion", "blue", "7", 0.0)]
    lab.release().suspend("stop")
    lab.release().lift("go on")
    assert not lab.routing.current.suspended


def test_a_first_champion_is_proven_though_its_slot_answers_already(lab: Any) -> None:
    lab.slots.serving["blue"] = "7"
    lab.slots.refuses = {"7"}
    with pytest.raises(Unavailable):
        lab.release().install("7")
    assert lab.routing.current is None


def test_why_the_gate_was_overridden_is_told_whenever_such_a_version_is_released(lab: Any) -> None:
    installed(lab)
    lab.registry.tags = {"gate_override": "an old one, for a rehearsal"}
    lab.run(lambda release: release.prepare("8"), lambda release: release.abort("no"))
    told = {record["event"]: record["detail"].get("gate_override") for record in lab.release().records()}
    assert told == {"install": None, "prepare": "an old one, for a rehearsal", "abort": None}


def test_prepare_routes_nobody(lab: Any) -> None:
    written = list(installed(lab).routing.written)
    state = lab.release().prepare("8")
    assert state.phase is Phase.PREPARED
    assert lab.slots.serving == {"blue": "7", "green": "8"}
    assert lab.registry.pointers == {"champion": "7", "challenger": "8"}
    assert lab.routing.written == written


def test_a_ramp_covers_more_of_ranges_that_stand_still(lab: Any) -> None:
    experimenting(lab)
    assert arms(lab)[1] == ("challenger", "green", "8", 0.5)
    assert [arm.covered for arm in lab.routing.current.arms] == [0.1, 0.6]
    assert lab.routing.current.experiment.coverage == 0.2
    lab.release().step()
    assert arms(lab)[1] == ("challenger", "green", "8", 0.5)
    assert lab.routing.current.experiment.coverage == 1.0
    assert lab.routing.current.experiment.id == "e1"
    assert lab.routing.current.experiment.salt == "salt"
    with pytest.raises(Refused, match="last step"):
        lab.release().step()


def test_promote_is_one_routing_write_to_the_tested_slot(lab: Any) -> None:
    experimenting(lab)
    before = len(lab.routing.written)
    state = lab.release().promote("digest", "it wins")
    assert len(lab.routing.written) == before + 1
    assert arms(lab) == [("champion", "green", "8", 0.0)]
    assert lab.routing.current.experiment is None
    assert lab.registry.pointers == {"champion": "8", "previous": "7"}
    assert lab.slots.serving == {"blue": "7", "green": "8"}
    assert state.phase is Phase.PROMOTED


def test_a_baking_promotion_moves_aliases_only_when_baked(lab: Any) -> None:
    experimenting(lab)
    assert lab.release().promote("digest", "it wins", bake=True).phase is Phase.PROMOTING
    assert lab.registry.pointers == {"champion": "7", "challenger": "8"}
    assert lab.release().baked().phase is Phase.PROMOTED
    assert lab.registry.pointers == {"champion": "8", "previous": "7"}


@pytest.mark.parametrize("bake", [True, False])
def test_undo_of_a_promotion_is_one_routing_write_back(lab: Any, bake: bool) -> None:
    experimenting(lab)
    lab.release().promote("digest", "it wins", bake=bake)
    before = len(lab.routing.written)
    lab.release().undo("it does not")
    assert len(lab.routing.written) == before + 1
    assert arms(lab) == [("champion", "blue", "7", 0.0)]
    assert lab.registry.pointers == {"champion": "7", "challenger": "8"}
    assert lab.slots.serving == {"blue": "7", "green": "8"}


def test_undo_needs_no_registry_to_return_traffic(lab: Any) -> None:
    experimenting(lab).run(lambda release: release.promote("digest", "it wins"))
    lab.registry.set_alias = lambda *_: (_ for _ in ()).throw(Unavailable("the registry is away"))
    with pytest.raises(Unavailable, match="registry is away"):
        lab.release().undo("it fails")
    assert arms(lab) == [("champion", "blue", "7", 0.0)]
    del lab.registry.set_alias
    assert lab.release().resume().phase is Phase.PREPARED
    assert lab.registry.pointers == {"champion": "7", "challenger": "8"}


def test_undo_brings_a_slot_that_died_up_before_traffic_returns(lab: Any) -> None:
    experimenting(lab).run(lambda release: release.promote("digest", "it wins"))
    del lab.slots.serving["blue"]
    lab.release().undo("it fails")
    assert lab.slots.serving["blue"] == "7"


def test_a_second_undo_is_refused_not_stacked(lab: Any) -> None:
    experimenting(lab).run(lambda release: release.promote("digest", "it wins"), lambda release: release.undo("no"))
    with pytest.raises(Refused, match="undo is not possible while the release is prepared"):
        lab.release().undo("again")


def test_undo_after_the_window_prepares_the_old_version_again(lab: Any) -> None:
    experimenting(lab).run(lambda release: release.promote("digest", "it wins"), lambda release: release.finish())
    assert lab.slots.serving == {"green": "8"}
    lab.release().undo("months later")
    assert arms(lab) == [("champion", "blue", "7", 0.0)]
    assert lab.slots.serving == {"blue": "7", "green": "8"}
    assert lab.registry.pointers == {"champion": "7", "challenger": "8"}


def test_versions_are_undone_one_by_one_to_the_first(lab: Any) -> None:
    experimenting(lab).run(
        lambda release: release.promote("digest", "it wins"),
        lambda release: release.finish(),
        lambda release: release.prepare("9"),
        lambda release: release.start("e2", "s2", (0.5,)),
        lambda release: release.promote("digest", "it wins"),
    )
    assert lab.registry.pointers == {"champion": "9", "previous": "8"}
    lab.run(lambda release: release.undo("no"), lambda release: release.abort("no"), lambda release: release.undo("no"))
    assert lab.registry.pointers == {"champion": "7", "challenger": "8"}
    lab.release().abort("no")
    with pytest.raises(Refused, match="no version was champion before"):
        lab.release().undo("no")


@pytest.mark.parametrize("bake", [None, True])
def test_abort_empties_the_challengers_slot(lab: Any, bake: bool | None) -> None:
    experimenting(lab)
    if bake:
        lab.release().promote("digest", "it wins", bake=True)
    lab.release().abort("given up")
    assert arms(lab) == [("champion", "blue", "7", 0.0)]
    assert lab.slots.serving == {"blue": "7"}
    assert lab.registry.pointers == {"champion": "7"}


def test_another_challenger_takes_the_place_of_a_prepared_one(lab: Any) -> None:
    installed(lab).run(lambda release: release.prepare("8"), lambda release: release.prepare("9"))
    assert lab.slots.serving == {"blue": "7", "green": "9"}
    assert lab.events() == ["install", "prepare", "abort", "prepare"]


def test_preparing_the_same_version_again_changes_nothing(lab: Any) -> None:
    installed(lab).run(lambda release: release.prepare("8"))
    before = lab.store.release
    assert lab.release().prepare("challenger").challenger.version == "8"
    assert lab.store.release == before


def test_a_version_that_does_not_exist_is_not_found(lab: Any) -> None:
    with pytest.raises(NotFound):
        installed(lab).release().prepare("ghost")
    assert lab.events() == ["install"]


def test_shares_that_shrink_are_refused_before_anything_happens(lab: Any) -> None:
    installed(lab).run(lambda release: release.prepare("8"))
    with pytest.raises(InvalidInput, match="shares"):
        lab.release().start("e1", "salt", (0.5, 0.1))
    assert lab.events() == ["install", "prepare"]


def test_a_refusal_is_audited_with_its_reason(lab: Any) -> None:
    with pytest.raises(Refused):
        installed(lab).release("eve").promote("digest", "me first")
    record = lab.store.audit(TASK)[-1]
    assert (record["event"], record["actor"]) == ("promote refused", "eve")
    assert "while the release is idle" in record["detail"]["reason"]


def test_a_refusal_that_cannot_be_audited_is_still_a_refusal(lab: Any) -> None:
    installed(lab)
    lab.break_at(0, Unavailable("the store is away"))
    with pytest.raises(Refused) as refusal:
        lab.release().finish()
    assert refusal.value.__notes__ == ["the refusal could not be audited: the store is away"]


def test_a_record_tells_who_when_why_and_what(lab: Any) -> None:
    experimenting(lab)
    lab.release("grace").promote("sha256:abc", "better by 0.03")
    record = lab.store.audit(TASK)[-1]
    assert record["actor"] == "grace"
    assert record["event"] == "promote"
    assert record["detail"] == {
        "transition": record["detail"]["transition"],
        "from": "experimenting",
        "to": "promoted",
        "champion": "8",
        "challenger": None,
        "previous": "7",
        "share": None,
        "generation": 3,
        "evidence": "sha256:abc",
        "reason": "better by 0.03",
    }
    assert audit.verify(lab.release().records()) == []


def test_records_are_appended_behind_those_of_faster_processes(lab: Any) -> None:
    lab.store.faster_rivals = 49
    installed(lab)
    assert lab.events() == ["install"]


def test_a_record_that_never_finds_its_place_stops_the_transition(lab: Any) -> None:
    lab.store.faster_rivals = 50
    with pytest.raises(Conflict, match="appended first"):
        installed(lab)
    assert lab.release().state().champion is None
    assert lab.slots.serving == {}
    assert lab.events() == ["install failed"]


def test_a_challenger_that_does_not_come_up_leaves_nothing_behind(lab: Any) -> None:
    before = installed(lab).seen()
    lab.slots.refuses = {"8"}
    with pytest.raises(Unavailable, match="does not come up"):
        lab.release().prepare("8")
    assert lab.seen() == before
    assert lab.events() == ["install", "prepare", "prepare failed"]
    assert lab.store.audit(TASK)[-1]["detail"]["error"] == "green does not come up with version 8"


@pytest.mark.parametrize("found", [None, "9"])
@pytest.mark.parametrize("event", ["step", "promote"])
def test_a_slot_that_answers_with_another_version_gets_no_traffic(lab: Any, found: str | None, event: str) -> None:
    experimenting(lab).slots.serving["green"] = found
    before = lab.seen()
    with pytest.raises(Unavailable, match=f"slot green answers with version {found}, expected 8"):
        lab.release().step() if event == "step" else lab.release().promote("digest", "it wins")
    assert lab.seen() == before


def test_a_reader_that_hangs_leaves_the_transition_to_be_resumed(lab: Any) -> None:
    experimenting(lab).routing.late = True
    with pytest.raises(DeadlineExceeded):
        lab.release().promote("digest", "it wins")
    assert arms(lab) == [("champion", "green", "8", 0.0)]
    with pytest.raises(Conflict, match="promote of job-change is unfinished, next comes: wait applied"):
        lab.release().finish()
    lab.routing.late = False
    assert lab.release().resume().phase is Phase.PROMOTED
    assert lab.registry.pointers == {"champion": "8", "previous": "7"}


def test_undo_takes_an_unfinished_promotion_over(lab: Any) -> None:
    experimenting(lab).routing.late = True
    with pytest.raises(DeadlineExceeded):
        lab.release().promote("digest", "it wins")
    lab.routing.late = False
    assert lab.release().undo("rather not").phase is Phase.PREPARED
    assert arms(lab) == [("champion", "blue", "7", 0.0)]
    assert lab.registry.pointers == {"champion": "7", "challenger": "8"}


def test_an_unfinished_undo_is_finished_not_stacked(lab: Any) -> None:
    experimenting(lab).run(lambda release: release.promote("digest", "it wins"))
    lab.routing.late = True
    with pytest.raises(DeadlineExceeded):
        lab.release().undo("no")
    lab.routing.late = False
    assert lab.release().undo("no!").phase is Phase.PREPARED
    assert lab.events().count("undo") == 1
    assert lab.slots.serving == {"blue": "7", "green": "8"}


def test_a_routing_that_cannot_be_written_changes_nothing(lab: Any) -> None:
    before = experimenting(lab).seen()
    lab.routing.write = lambda *_args, **_named: (_ for _ in ()).throw(Unavailable("the disk is full"))
    with pytest.raises(Unavailable, match="disk is full"):
        lab.release().step()
    assert lab.seen() == before


def test_a_way_back_that_fails_as_well_waits_for_resume(lab: Any) -> None:
    before = installed(lab).seen()
    lab.slots.refuses = {"8"}
    lab.slots.retire = lambda _slot: (_ for _ in ()).throw(Unavailable("the supervisor is away"))
    with pytest.raises(Unavailable, match="does not come up") as failure:
        lab.release().prepare("8")
    assert failure.value.__notes__ == ["rolling back is unfinished: the supervisor is away"]
    del lab.slots.retire
    lab.release().resume()
    assert lab.seen() == before


def test_a_routing_document_nobody_can_read_is_written_over(lab: Any) -> None:
    experimenting(lab).routing.broken = True
    lab.release().undo("safe side")
    assert arms(lab) == [("champion", "blue", "7", 0.0)]
    assert lab.routing.current.generation == 3


def test_generations_grow_beyond_a_foreign_one(lab: Any) -> None:
    experimenting(lab)
    lab.routing.current = replace(lab.routing.current, generation=40)
    lab.release().undo("safe side")
    assert lab.routing.current.generation == 41


def test_the_slower_of_two_processes_stops_at_its_next_save(lab: Any) -> None:
    experimenting(lab)
    slow = lab.release("slow")
    ask = lab.slots.answers

    def overtaken(slot: str) -> str | None:
        lab.slots.answers = ask
        lab.release("fast").undo("overtake")
        return str(ask(slot))

    lab.slots.answers = overtaken
    with pytest.raises(Conflict, match="the release moved on"):
        slow.promote("digest", "it wins")
    assert lab.release().state().phase is Phase.PREPARED
    assert arms(lab) == [("champion", "blue", "7", 0.0)]


def test_a_stale_process_cannot_write_over_a_newer_routing(lab: Any) -> None:
    experimenting(lab)
    slow, read = lab.release("slow"), lab.routing.read
    lab.break_at(None)

    def overtaken(task: str) -> Any:
        if "after ask green" in lab.fuse.names:
            lab.routing.read = read
            lab.release("fast").undo("overtake")
        return read(task)

    lab.routing.read = overtaken
    with pytest.raises(Conflict, match="moved on to generation 4"):
        slow.promote("digest", "it wins")
    assert arms(lab) == [("champion", "blue", "7", 0.0)]
    assert lab.release().state().phase is Phase.PREPARED


def test_actions_on_a_role_that_nobody_has_do_nothing(lab: Any) -> None:
    state = lab.release().state().to_document()
    pending = ["check champion", "check challenger", "prepare champion", "prepare challenger", "write routing"]
    change = {"number": 1, "event": "none", "actor": "ada", "at": 0.0, "detail": {}, "pending": pending, "before": None}
    lab.store.save_release(TASK, state | {"revision": 1, "change": change}, expected=None)
    assert lab.release().resume().change is None
    assert lab.seen()["arms"] is None
