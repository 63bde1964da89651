"""The routing file: compare-and-swap, acknowledgements, and the watch over it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from contender.adapters.routing_file import RoutingFile, RoutingWatch
from contender.errors import Conflict, DeadlineExceeded, InvalidInput, InvalidRouting, Unavailable
from contender.routing import MAX_BYTES, Arm, Routing, parse
from contender.values import FallbackPolicy

TASK = "job-change"


def routing(generation: int, task: str = TASK) -> Routing:
    arms = (Arm("champion", "blue", "7", 0.0, 1.0),)
    return Routing(task, generation, None, arms, None, FallbackPolicy())


class Time:
    """A clock that moves when somebody sleeps, and lets `then` happen at the first sleep."""

    def __init__(self, then: Callable[[], object] | None = None) -> None:
        self.now, self.then = 0.0, then

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.then:
            self.then()
            self.then = None


def waiting(folder: Path, then: Callable[[], object] | None = None, *, lock_deadline_s: float = 1.0) -> RoutingFile:
    time = Time(then)
    return RoutingFile(folder, monotonic=time.monotonic, sleep=time.sleep, lock_deadline_s=lock_deadline_s)


@pytest.fixture
def files(tmp_path: Path) -> RoutingFile:
    return RoutingFile(tmp_path / "routing")


def test_before_the_first_document_there_is_none(files: RoutingFile) -> None:
    assert files.read(TASK) is None


def test_what_was_written_is_read(files: RoutingFile) -> None:
    files.write(routing(1), expected=None)
    files.write(routing(2), expected=1)
    assert files.read(TASK) == routing(2)
    assert files.path(TASK).name == "job-change.routing.json"


def test_nothing_but_the_document_and_its_lock_is_left(files: RoutingFile) -> None:
    files.write(routing(1), expected=None)
    assert {path.name for path in files.path(TASK).parent.iterdir()} == {
        "job-change.routing.json",
        "job-change.routing.lock",
    }


@pytest.mark.parametrize(("there", "expected"), [(None, 1), (1, None), (2, 1), (1, 2)])
def test_a_swap_of_another_generation_is_lost(files: RoutingFile, there: int | None, expected: int | None) -> None:
    if there:
        files.write(routing(there), expected=None)
    with pytest.raises(Conflict, match=f"at generation {there}, not {expected}"):
        files.write(routing(9), expected=expected)
    assert files.read(TASK) == (routing(there) if there else None)


def test_a_generation_that_does_not_grow_is_refused(files: RoutingFile) -> None:
    files.write(routing(2), expected=None)
    with pytest.raises(InvalidRouting, match="must grow beyond 2"):
        files.write(routing(2), expected=2)


def test_a_document_that_could_not_be_read_back_is_never_written(files: RoutingFile) -> None:
    with pytest.raises(InvalidRouting, match="arms"):
        files.write(replace(routing(1), arms=()), expected=None)
    assert files.read(TASK) is None


def test_a_broken_document_is_reported_and_may_be_written_over(files: RoutingFile) -> None:
    files.write(routing(1), expected=None)
    files.path(TASK).write_text("{")
    with pytest.raises(InvalidRouting, match="not JSON"):
        files.read(TASK)
    files.write(routing(2), expected=None)
    assert files.read(TASK) == routing(2)


def test_a_document_of_another_task_is_refused(files: RoutingFile) -> None:
    files.write(routing(1, "job-role"), expected=None)
    files.path("job-role").rename(files.path(TASK))
    with pytest.raises(InvalidRouting, match="is 'job-role', expected 'job-change'"):
        files.read(TASK)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a\0"])
def test_names_that_leave_the_folder_are_refused(files: RoutingFile, name: str) -> None:
    for call in (files.path, files.read, lambda task: files.acknowledge(task, 1, "r")):
        with pytest.raises(InvalidInput, match="cannot be a file's name"):
            call(name)
    with pytest.raises(InvalidInput, match="reader"):
        files.acknowledge(TASK, 1, name)


def test_what_the_disk_refuses_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    files = RoutingFile(tmp_path / "file")
    with pytest.raises(Unavailable, match="the routing of job-change cannot be used"):
        files.write(routing(1), expected=None)
    with pytest.raises(Unavailable, match="the acknowledgement of job-change"):
        files.acknowledge(TASK, 1, "reader")
    (tmp_path / "job-change.routing.json").mkdir()
    with pytest.raises(Unavailable):
        RoutingFile(tmp_path).read(TASK)


def test_a_writer_waits_for_the_lock_and_gives_up(tmp_path: Path) -> None:
    RoutingFile(tmp_path).write(routing(1), expected=None)
    with (tmp_path / "job-change.routing.lock").open("w") as rival:
        fcntl.flock(rival, fcntl.LOCK_EX)
        with pytest.raises(DeadlineExceeded, match="another process is writing"):
            waiting(tmp_path).write(routing(2), expected=1)
        waiting(tmp_path, lambda: fcntl.flock(rival, fcntl.LOCK_UN)).write(routing(2), expected=1)


def test_without_readers_nobody_is_waited_for(tmp_path: Path) -> None:
    waiting(tmp_path).wait_applied(TASK, 5, deadline_s=0.0)


def test_every_living_reader_is_waited_for(tmp_path: Path) -> None:
    one, two = RoutingFile(tmp_path), RoutingFile(tmp_path)
    one.acknowledge(TASK, 5, "one")
    two.acknowledge(TASK, 4, "two")
    with pytest.raises(DeadlineExceeded, match=r"generation 5 of job-change is not applied by two after 0.1 s"):
        waiting(tmp_path).wait_applied(TASK, 5, deadline_s=0.1)
    waiting(tmp_path, lambda: two.acknowledge(TASK, 6, "two")).wait_applied(TASK, 5, deadline_s=0.1)
    one.close()
    two.close()


def test_a_reader_that_died_is_waited_for_no_longer(tmp_path: Path) -> None:
    reader = RoutingFile(tmp_path)
    reader.acknowledge(TASK, 4, "one")
    waiting(tmp_path, reader.close).wait_applied(TASK, 5, deadline_s=0.1)


def test_a_reader_that_was_tidied_away_is_waited_for_no_longer(tmp_path: Path) -> None:
    folder = tmp_path / "job-change.applied"
    folder.mkdir()
    (folder / "one.lock").symlink_to(folder / "gone")
    waiting(tmp_path).wait_applied(TASK, 5, deadline_s=0.0)


def test_a_reader_whose_acknowledgement_is_damaged_is_waited_for(tmp_path: Path) -> None:
    reader = RoutingFile(tmp_path)
    reader.acknowledge(TASK, 5, "one")
    acknowledgement = tmp_path / "job-change.applied" / "one.json"
    assert json.loads(acknowledgement.read_bytes()) == {"generation": 5, "pid": os.getpid()}
    for damage in ("", "{", "[]", '{"generation": "x"}'):
        acknowledgement.write_text(damage)
        with pytest.raises(DeadlineExceeded):
            waiting(tmp_path).wait_applied(TASK, 5, deadline_s=0.0)
    reader.close()


def test_two_living_readers_cannot_share_a_name(tmp_path: Path) -> None:
    first = RoutingFile(tmp_path)
    first.acknowledge(TASK, 1, "one")
    with pytest.raises(DeadlineExceeded, match="a reader named 'one' lives already"):
        waiting(tmp_path).acknowledge(TASK, 1, "one")
    second = waiting(tmp_path, first.close)
    second.acknowledge(TASK, 2, "one")
    second.close()


def test_the_watch_tells_each_document_once(files: RoutingFile) -> None:
    watch = RoutingWatch(files.path(TASK))
    assert watch.changed() is None
    for generation in (1, 2):
        files.write(routing(generation), expected=generation - 1 or None)
        content = watch.changed()
        assert content is not None
        assert parse(content) == routing(generation)
        assert watch.changed() is None


def test_the_watch_sees_a_document_written_by_hand_and_its_return(tmp_path: Path) -> None:
    path = tmp_path / "job-change.routing.json"
    watch = RoutingWatch(path)
    path.write_text("{")
    assert watch.changed() == b"{"
    path.unlink()
    assert watch.changed() is None
    path.write_text("{}")
    assert watch.changed() == b"{}"


def test_the_watch_reads_no_more_than_a_document_may_have(tmp_path: Path) -> None:
    path = tmp_path / "job-change.routing.json"
    path.write_bytes(b" " * (2 * MAX_BYTES))
    assert len(RoutingWatch(path).changed() or b"") == MAX_BYTES + 1
