"""Documents by task, kind and key: the first stays, or the last, as the caller asks."""

from __future__ import annotations

from contender.adapters.store_sql import Note, Store

TASK = "job-change"


def test_the_first_note_stays(store: Store) -> None:
    assert store.keep_note(TASK, "drift", "w1", 5.0, {"share": 0.2})
    assert not store.keep_note(TASK, "drift", "w1", 6.0, {"share": 0.9})
    assert store.note(TASK, "drift", "w1") == Note("w1", 5.0, {"share": 0.2})


def test_a_revised_note_takes_the_others_place(store: Store) -> None:
    store.revise_note(TASK, "drift", "w1", 5.0, {"share": 0.2})
    store.revise_note(TASK, "drift", "w1", 6.0, {"share": 0.9})
    assert store.note(TASK, "drift", "w1") == Note("w1", 6.0, {"share": 0.9})
    assert len(store.notes(TASK, "drift")) == 1


def test_notes_come_newest_first_and_no_more_than_asked_for(store: Store) -> None:
    for number in (2, 1, 3):
        store.keep_note(TASK, "quality", f"f{number}", float(number), {"n": number})
    assert [note.key for note in store.notes(TASK, "quality")] == ["f3", "f2", "f1"]
    assert [note.key for note in store.notes(TASK, "quality", limit=1)] == ["f3"]
    assert [note.key for note in store.notes(TASK, "quality", since=2.0)] == ["f3", "f2"]


def test_notes_of_another_task_or_kind_are_not_told(store: Store) -> None:
    store.keep_note(TASK, "drift", "w1", 5.0, {})
    assert store.note("job-role", "drift", "w1") is None
    assert store.notes(TASK, "quality") == []
