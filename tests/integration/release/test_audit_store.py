"""The audit trail in real databases: appended, never changed, pruned only by the rules, anchored outside."""

from __future__ import annotations

import itertools
import resource
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from benchmarks.fresh_processes import exit_code, started
from contender.adapters.anchor_file import AnchorFiles
from contender.adapters.store_sql import Store
from contender.adapters.store_sql.triggers import LEAST_AGE_S
from contender.errors import Conflict, FaultFound, Refused, Unavailable
from contender.release import audit
from contender.release.trail import Trail
from contender.values import Exposure

YEAR = audit.DEFAULT_MONTHS * audit.MONTH_S
NAMES = map("task-{}".format, itertools.count())


@pytest.fixture
def task() -> str:
    """A name of its own: the server is shared by the tests."""
    return next(NAMES)


def filled(store: Store, task: str, *times: float) -> Trail:
    trail = Trail(task, store)
    for at in times:
        trail.append("step", at=at, actor="ada", detail={})
    return trail


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET record = '{}' WHERE task = :task",
        "UPDATE audit SET sequence = sequence + 10 WHERE task = :task",
        "DELETE FROM audit WHERE task = :task",
        "DELETE FROM audit WHERE task = :task AND sequence = 2",
    ],
)
def test_the_database_refuses_changes(store: Store, task: str, statement: str) -> None:
    filled(store, task, 1.0, 2.0)
    before = store.audit(task)
    with pytest.raises(Conflict, match="never"), store._writing() as connection:
        connection.execute(text(statement), {"task": task})
    assert store.audit(task) == before


def test_the_guard_is_there_once_however_often_the_store_is_opened(store: Store, task: str) -> None:
    filled(store, task, 1.0)
    again = Store(store._engine.url.render_as_string(hide_password=False), clock=lambda: 1.0)
    assert len(again.audit(task)) == 1
    again.close()


def test_old_records_are_pruned_and_the_rest_is_whole(store: Store, task: str) -> None:
    trail = filled(store, task, 1.0, 2.0, 3.0)
    assert trail.prune(at=2.5 + YEAR, actor="ada", retention_s=YEAR, written=[YEAR]) == 2
    records = store.audit(task)
    assert [record["sequence"] for record in records] == [3, 4]
    assert audit.verify(records) == []


def test_the_database_and_the_library_agree_on_six_months() -> None:
    assert LEAST_AGE_S == audit.LEAST_RETENTION_S


def test_what_no_record_seals_stays(store: Store, task: str) -> None:
    filled(store, task, 1.0, 2.0)
    with pytest.raises(Refused, match="stay"):
        store.prune_audit(task, 1)
    assert len(store.audit(task)) == 2


def test_young_records_stay_even_when_a_forged_record_seals_them(store: Store, task: str) -> None:
    now = time.time()
    trail = filled(store, task, 1.0, now - 100, now)
    trail.append(audit.PRUNE, at=now + YEAR, actor="eve", detail=audit.seal(store.audit(task), 2))
    with pytest.raises(Refused, match="young"):
        store.prune_audit(task, 2)
    assert len(store.audit(task)) == 4


def test_a_whole_postgresql_table_cannot_be_emptied(postgresql: str) -> None:
    store = Store(postgresql, clock=lambda: 1.0)
    filled(store, "whole", 1.0)
    with pytest.raises(Conflict, match="never changed"), store._writing() as connection:
        connection.execute(text("TRUNCATE audit"))
    store.close()


def test_sqlite_does_not_replace_a_record_by_inserting_it_again(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db", clock=lambda: 1.0)
    filled(store, "t", 1.0)
    with pytest.raises(Conflict, match="never replaced"), store._writing() as connection:
        connection.execute(text("INSERT OR REPLACE INTO audit VALUES ('t', 1, '{}')"))
    store.close()


def test_units_that_met_a_fault_are_counted_once(store: Store, task: str) -> None:
    plain = Exposure("p", task, None, 4, "u", "champion", "champion", "8", "1", 0.5, 0.9, None, 20.0, 1.0)
    exposures = [
        plain,
        replace(plain, served_by="baseline", fallback_reason="timeout", latency_ms=200.0),
        replace(plain, served_by="baseline", fallback_reason="timeout"),
        replace(plain, unit_id="v", label="Review_Required", fallback_reason="low_confidence"),
        replace(plain, unit_id=None, assigned_to="unassigned"),
        replace(plain, unit_id="w", assigned_to="challenger"),
        replace(plain, unit_id="x", generation=3, label="Review_Required"),
    ]
    store.append([replace(found, prediction_id=f"{task}-{n}") for n, found in enumerate(exposures)], [])
    assert store.champion_rates(task, 4, slow_ms=150) == (3, {"fallback": 1, "review": 1, "slow": 1})
    assert store.champion_rates(task, 9, slow_ms=150) == (0, {"fallback": 0, "review": 0, "slow": 0})


def test_the_newest_answer_of_a_task_is_known(store: Store, task: str) -> None:
    assert store.last_answer_at(task) is None
    plain = Exposure("p", task, None, 4, "u", "champion", "champion", "8", "1", 0.5, 0.9, None, 20.0, 1.0)
    store.append([replace(plain, prediction_id=f"{task}-{at}", at=at) for at in (7.0, 3.0)], [])
    assert store.last_answer_at(task) == 7.0


def anchor(number: int) -> dict[str, object]:
    return {"sequence": number, "hash": f"{number:064}", "at": float(number)}


def test_anchors_follow_each_other_and_repeat_nothing(tmp_path: Path) -> None:
    files = AnchorFiles(tmp_path / "anchors")
    assert files.kept("t") == []
    for number in (1, 2, 2, 3):
        files.keep("t", anchor(number))
    assert files.kept("t") == [anchor(1), anchor(2), anchor(3)]


def keep_fifty(folder: Path, start: int) -> None:
    for number in range(50):
        AnchorFiles(folder).keep("t", anchor(start + number))


def test_anchors_of_many_processes_do_not_mix(tmp_path: Path) -> None:
    workers = [started(keep_fifty, tmp_path, 100 * number) for number in range(4)]
    assert [exit_code(worker, 60) for worker in workers] == [0] * 4
    assert len(AnchorFiles(tmp_path).kept("t")) == 200


@pytest.mark.parametrize("content", ["{}", "nonsense", '{"sequence": 1, "hash": "x", "at": null}'])
def test_damaged_anchors_are_a_fault(tmp_path: Path, content: str) -> None:
    (tmp_path / "t.jsonl").write_text(content)
    with pytest.raises(FaultFound, match="damaged"):
        AnchorFiles(tmp_path).kept("t")


def test_anchors_that_cannot_be_written_stop_the_change(tmp_path: Path) -> None:
    (tmp_path / "anchors").write_text("a file")
    with pytest.raises(Unavailable):
        AnchorFiles(tmp_path / "anchors").keep("t", anchor(1))


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Calling it leaves files room for so many bytes and no more."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def test_an_anchor_that_a_full_disk_takes_half_of_is_not_kept(tmp_path: Path, full_disk: Callable[[int], None]) -> None:
    files = AnchorFiles(tmp_path)
    files.keep("t", anchor(1))
    before = files.path("t").read_bytes()
    full_disk(len(before) + 20)
    with pytest.raises(Unavailable, match="No space left"):
        files.keep("t", anchor(2))
    assert files.path("t").read_bytes() == before


@pytest.mark.parametrize("length", [1, 7, 8, 60, 100])
def test_what_a_crash_left_of_an_anchor_is_passed_over_once_the_next_is_kept(tmp_path: Path, length: int) -> None:
    files = AnchorFiles(tmp_path)
    for number in (1, 2):
        files.keep("t", anchor(number))
    whole = files.path("t").read_bytes()
    files.path("t").write_bytes(whole[: len(whole) // 2 + length].removesuffix(b"\n"))
    with pytest.raises(FaultFound, match="damaged"):
        files.kept("t")
    for number in (2, 3):
        files.keep("t", anchor(number))
    assert files.kept("t") == [anchor(1), anchor(2), anchor(3)]


@pytest.mark.parametrize("damaged", ["nonsense", "{}", '{"at": 1.0, "hash": "x"}'])
def test_what_is_no_torn_anchor_stays_damage(tmp_path: Path, damaged: str) -> None:
    files = AnchorFiles(tmp_path)
    files.path("t").write_text(damaged + "\n")
    files.keep("t", anchor(1))
    with pytest.raises(FaultFound, match="damaged"):
        files.kept("t")
