"""Who moves a release takes turns: one waits, the way back does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from cli.turn import turn, turn_if_free
from contender.errors import Conflict, Unavailable

TASK = "job-change"


class Lease:
    """A lease that somebody else holds for the first `busy` times it is asked for."""

    def __init__(self, busy: int = 0, error: type[Exception] = Conflict) -> None:
        self.busy, self.error, self.held_now = busy, error, False
        self.names: list[str] = []

    def of(self, name: str) -> Lease:
        self.names.append(name)
        return self

    @contextmanager
    def held(self) -> Iterator[threading.Event]:
        if len(self.names) <= self.busy:
            raise self.error("is held by bob")
        self.held_now = True
        try:
            yield threading.Event()
        finally:
            self.held_now = False


def place(lease: Lease) -> Any:
    return SimpleNamespace(task=SimpleNamespace(name=TASK), lease=lease.of)


def test_a_turn_is_waited_for_and_given_back() -> None:
    lease = Lease(busy=2)
    slept: list[float] = []
    with turn(place(lease), sleep=slept.append) as lost:
        during = (lease.held_now, lost.is_set())
    assert (during, lease.held_now) == ((True, False), False)
    assert (lease.names, len(slept)) == ([f"{TASK}-reconcile"] * 3, 2)


def test_who_waits_is_told_for_whom_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    ticks = iter(range(100))
    with turn(place(Lease(busy=11)), clock=lambda: next(ticks), sleep=lambda seconds: None):
        pass
    assert capsys.readouterr().err.splitlines() == ["waiting: is held by bob"] * 3


def test_a_turn_is_not_waited_for_without_end() -> None:
    ticks = iter(range(100))
    lease = Lease(busy=99)
    waiting = turn(place(lease), patience_s=5, clock=lambda: next(ticks), sleep=lambda seconds: None)
    with pytest.raises(Conflict, match="held by bob"):
        ExitStack().enter_context(waiting)
    assert len(lease.names) == 5


@pytest.mark.parametrize("error", [Conflict, Unavailable])
def test_the_way_back_waits_for_nobody(error: type[Exception]) -> None:
    lease = Lease(busy=1, error=error)
    done: list[bool] = []
    with turn_if_free(place(lease)):
        done.append(lease.held_now)
    with turn_if_free(place(lease)):
        done.append(lease.held_now)
    assert done == [False, True]
    assert not lease.held_now


def test_what_fails_meanwhile_gives_the_turn_back() -> None:
    lease = Lease()
    with pytest.raises(Unavailable), turn_if_free(place(lease)):
        raise Unavailable("away")
    assert not lease.held_now
