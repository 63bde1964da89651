"""The audit chain: every mutation of a trail is found."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.release import audit

FIELDS = ("sequence", "previous", "at", "actor", "task", "event", "detail", "hash")


def trail(length: int) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for number in range(length):
        last = records[-1] if records else None
        detail = {"reason": f"n{number}"}
        records.append(audit.record(last, at=1.5 + number, actor="ada", task="t", event="step", detail=detail))
    return records


FIFTY = trail(50)


def test_a_whole_trail_has_no_problems() -> None:
    assert audit.verify(FIFTY, audit.anchor(FIFTY)) == []
    assert audit.verify([], audit.anchor([])) == []


def test_the_first_record_follows_the_origin() -> None:
    assert FIFTY[0]["sequence"] == 1
    assert FIFTY[0]["previous"] == audit.ORIGIN


def test_the_hash_is_the_same_on_every_machine() -> None:
    assert trail(1)[0]["hash"] == "bee9fc5fd7742b54c699b0494e60f17b7c490291021d68ffa61c5cf7902d1410"


@pytest.mark.parametrize("name", FIELDS)
def test_an_edit_of_any_field_of_any_record_is_found(name: str) -> None:
    for place, record in enumerate(FIFTY):
        value = record[name]
        other = value + 1 if isinstance(value, int | float) else {"a": 1} if name == "detail" else "x" * 64
        edited = [*FIFTY[:place], record | {name: other}, *FIFTY[place + 1 :]]
        assert audit.verify(edited, audit.anchor(FIFTY)), place


def test_a_record_edited_and_sealed_anew_is_found_by_its_successor_or_the_anchor() -> None:
    for place in range(50):
        last = FIFTY[place - 1] if place else None
        forged = audit.record(last, at=9.0, actor="eve", task="t", event="step", detail={})
        assert audit.verify([*FIFTY[:place], forged, *FIFTY[place + 1 :]], audit.anchor(FIFTY)), place


def test_a_deleted_record_is_found_and_only_the_last_one_needs_the_anchor() -> None:
    for place in range(50):
        rest = FIFTY[:place] + FIFTY[place + 1 :]
        assert audit.verify(rest, audit.anchor(FIFTY)), place
        assert bool(audit.verify(rest)) == (place < 49)


@settings(deadline=None)
@given(st.permutations(range(6)))
def test_any_other_order_is_found(order: list[int]) -> None:
    records = trail(6)
    assert bool(audit.verify([records[place] for place in order])) == (order != sorted(order))


def test_a_cut_is_found_by_the_anchor_alone() -> None:
    for length in range(50):
        assert audit.verify(FIFTY[:length]) == []
        assert "it was cut" in audit.verify(FIFTY[:length], audit.anchor(FIFTY))[0]


def test_an_older_anchor_holds_for_a_trail_that_grew() -> None:
    assert audit.verify(FIFTY, audit.anchor(FIFTY[:20])) == []


def test_a_trail_written_anew_from_the_start_is_found_by_the_anchor() -> None:
    forged = [audit.record(None, at=0.0, actor="eve", task="t", event="step", detail={})]
    assert "the trail was rewritten" in audit.verify(forged, audit.anchor(FIFTY[:1]))[0]


def test_a_missing_or_added_field_is_found() -> None:
    assert audit.verify([{name: value for name, value in FIFTY[0].items() if name != "actor"}])
    assert audit.verify([FIFTY[0] | {"note": "added"}])


def test_what_json_cannot_say_is_not_recorded() -> None:
    with pytest.raises(ValueError, match="JSON"):
        audit.record(None, at=float("nan"), actor="ada", task="t", event="step", detail={})
