"""Retention: old records go, what stays is verifiable, and young ones cannot go unseen."""

from __future__ import annotations

from typing import Any

import pytest

from contender.errors import InvalidInput, Refused
from contender.release import audit
from contender.release.trail import Trail

TASK = "t"
DAY = 86_400.0
LEAST = audit.LEAST_RETENTION_S
YEAR = audit.DEFAULT_MONTHS * audit.MONTH_S


def chain(*times: float) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for at in times:
        records.append(add(records, at))
    return records


def add(
    records: list[dict[str, Any]], at: float, event: str = "step", detail: dict[str, Any] | None = None
) -> dict[str, Any]:
    return audit.record(records[-1] if records else None, at=at, actor="a", task=TASK, event=event, detail=detail or {})


def pruned(records: list[dict[str, Any]], count: int, at: float) -> list[dict[str, Any]]:
    """The trail after `count` records were sealed and went, by the book or not."""
    return [*records, add(records, at, audit.PRUNE, audit.seal(records, count))][count:]


OLD = chain(*(day * DAY for day in range(10)))
LATE = 9 * DAY + YEAR


def filled(lab: Any, *times: float) -> Trail:
    trail = Trail(TASK, lab.store, lab.anchors)
    for at in times:
        trail.append("step", at=at, actor="ada", detail={})
    return trail


def prune(trail: Trail, at: float, retention_s: float = YEAR, **terms: Any) -> int:
    """Prunes at a moment at which the house is known to be awake."""
    return trail.prune(at=at, actor="ada", retention_s=retention_s, written=[at], **terms)


def test_old_records_go_and_the_rest_is_whole(lab: Any) -> None:
    trail = filled(lab, *(day * DAY for day in range(10)))
    assert prune(trail, 4.5 * DAY + YEAR) == 5
    records = lab.store.audit(TASK)
    assert [record["sequence"] for record in records] == [6, 7, 8, 9, 10, 11]
    assert records[-1]["event"] == "prune"
    assert records[-1]["detail"]["records"] == 5
    assert audit.verify(records, lab.anchors.kept(TASK)) == []
    trail.append("step", at=6 * DAY + YEAR, actor="ada", detail={})
    assert prune(trail, 6.5 * DAY + YEAR) == 2
    assert audit.verify(lab.store.audit(TASK), lab.anchors.kept(TASK)) == []


def test_nothing_old_leaves_no_record(lab: Any) -> None:
    assert prune(filled(lab, 0.0, DAY), YEAR - 1) == 0
    assert len(lab.store.records) == 2


def test_the_last_record_stays_however_old(lab: Any) -> None:
    assert prune(filled(lab, 0.0, DAY), 9 * YEAR) == 1
    bare = Trail(TASK, lab.store)
    assert prune(bare, 99 * YEAR) == 1
    assert audit.prunable([], now=0.0, retention_s=YEAR) == 0


@pytest.mark.parametrize("retention_s", [0.0, LEAST - 1, float("nan")])
def test_a_retention_under_six_months_is_refused(lab: Any, retention_s: float) -> None:
    with pytest.raises(InvalidInput, match="at least 6 months"):
        prune(filled(lab, 0.0), YEAR, retention_s)


def test_a_broken_trail_is_not_pruned(lab: Any) -> None:
    trail = filled(lab, 0.0, DAY)
    lab.store.records[0] = lab.store.records[0].replace("ada", "eve")
    with pytest.raises(Refused, match="record 1 was edited"):
        prune(trail, 9 * YEAR)


def test_a_crash_between_seal_and_deletion_is_made_good_by_the_next_pruning(lab: Any) -> None:
    trail = filled(lab, 0.0, DAY, 2 * DAY)
    lab.break_at(4)
    with pytest.raises(lab.Crash):
        prune(trail, 1.5 * DAY + YEAR)
    assert [place for place in lab.fuse.names if "prune" in place] == ["before prune"]
    assert audit.verify(lab.store.audit(TASK), lab.anchors.kept(TASK)) == []
    assert prune(trail, 1.5 * DAY + YEAR) == 2
    assert audit.verify(lab.store.audit(TASK), lab.anchors.kept(TASK)) == []


def test_a_front_that_was_cut_off_without_a_seal_is_found() -> None:
    assert audit.verify(OLD[3:])
    other = [*OLD, add(OLD, LATE, "step", audit.seal(OLD, 3))][3:]
    assert audit.verify(other), "only a record of a pruning seals"


@pytest.mark.parametrize("seal", [None, 3, {}, {"sequence": "3", "hash": OLD[2]["hash"]}, {"sequence": 3, "hash": 1}])
def test_a_seal_that_is_none_does_not_count(seal: object) -> None:
    forged = [*OLD, add(OLD, LATE, audit.PRUNE, {audit.SEAL: seal})][3:]
    assert audit.verify(forged)
    assert audit.verify([{"event": audit.PRUNE, "detail": None}])


def test_every_mutation_of_a_pruned_trail_is_found() -> None:
    whole = pruned(OLD, 3, LATE)
    anchors = [{"sequence": record["sequence"], "hash": record["hash"], "at": record["at"]} for record in OLD]
    end = audit.anchor(whole)
    assert end
    assert audit.verify(whole, [*anchors, end]) == []
    for place, record in enumerate(whole):
        rest = [*whole[:place], *whole[place + 1 :]]
        assert audit.verify(rest, [end]), place
        for name in record:
            value = record[name] + 1 if isinstance(record[name], int | float) else "x"
            assert audit.verify([*whole[:place], record | {name: value}, *whole[place + 1 :]], [end]), (place, name)


def test_young_records_that_were_pruned_against_the_rules_are_found_by_the_anchors() -> None:
    early = pruned(OLD, 5, 9 * DAY + 60)
    assert audit.verify(early) == []
    anchors = [{name: record[name] for name in ("sequence", "hash", "at")} for record in OLD]
    assert "was pruned before it was 6 months old" in audit.verify(early, anchors)[0]


def test_a_rewritten_front_behind_a_forged_seal_is_found_by_its_anchor() -> None:
    forged = chain(*(day * DAY + 1 for day in range(10)))
    assert "rewritten" in audit.verify(pruned(forged, 5, LATE), [{"sequence": 5, "hash": OLD[4]["hash"]}])[0]
    assert audit.verify(pruned(OLD, 5, LATE), [{"sequence": 5, "hash": OLD[4]["hash"]}]) == []


def test_a_cut_behind_a_pruning_is_found() -> None:
    whole = pruned(OLD, 3, LATE)
    end = audit.anchor([*whole, add(whole, LATE + 1)])
    assert end
    assert "ends at record 11, the anchor names record 12" in audit.verify(whole, [end])[0]


WILD = 500 * YEAR


@pytest.mark.parametrize(("at", "why"), [(WILD, "nothing was written for"), (8 * DAY, "it is behind")])
def test_a_clock_that_the_records_contradict_prunes_nothing(lab: Any, at: float, why: str) -> None:
    trail = filled(lab, 0.0, DAY, 9 * DAY)
    with pytest.raises(Refused, match=why):
        trail.prune(at=at, actor="ada", retention_s=YEAR)
    assert len(lab.store.records) == 3


def test_a_house_that_slept_is_believed_with_a_reason_that_is_kept(lab: Any) -> None:
    trail = filled(lab, 0.0, DAY)
    assert trail.prune(at=3 * YEAR, actor="ada", retention_s=YEAR, despite="it stood in a cellar") == 1
    assert lab.store.audit(TASK)[-1]["detail"]["clock"].endswith("believed: it stood in a cellar")
    assert audit.verify(lab.store.audit(TASK), lab.anchors.kept(TASK), now=3 * YEAR) == []


def test_an_anchor_outlives_what_was_cut_off(lab: Any) -> None:
    trail = filled(lab, 0.0, 2 * YEAR)
    lab.store.records[:] = lab.store.records[:1]
    with pytest.raises(Refused, match="it is behind"):
        trail.prune(at=YEAR, actor="ada", retention_s=YEAR)


def test_a_pruning_by_a_wild_clock_is_found() -> None:
    anchors = [{name: record[name] for name in ("sequence", "hash", "at")} for record in OLD]
    wild = pruned(OLD, 9, WILD)
    found = audit.verify(wild, anchors, now=9 * DAY + 60)
    assert "record 11, a pruning, is dated" in found[0]
    assert "lies in the future" in found[0]
    assert "record 9 was pruned before it was 6 months old" in found[-1]


def test_a_pruning_by_a_wild_clock_is_found_by_what_follows_it() -> None:
    anchors = [{name: record[name] for name in ("sequence", "hash", "at")} for record in OLD]
    wild = pruned(OLD, 9, WILD)
    wild.append(add(wild, 10 * DAY))
    found = audit.verify(wild, anchors, now=WILD + DAY)
    assert "a record that follows it 1970-01-11 00:00:00 UTC" in found[0]
    assert "record 9 was pruned before it was 6 months old" in found[-1]


def test_a_record_without_a_time_is_a_fault_and_no_crash() -> None:
    wild = pruned(OLD, 9, WILD)
    assert audit.verify([wild[0] | {"at": "never"}, wild[1]], now=0.0)
