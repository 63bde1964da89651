"""Programs in the background: remembered by pid and start time, stopped, and nobody else with them."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from contender.adapters.supervisor.daemons import Daemons, free_port, wait_answering
from contender.errors import DeadlineExceeded, Refused

LISTEN = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[Daemons]:
    found = Daemons(tmp_path / "observe", tmp_path / "logs")
    yield found
    found.stop(1.0)


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def test_it_answers_is_remembered_and_stops(daemons: Daemons) -> None:
    port = free_port(0)
    begun = daemons.start("one", port, python(LISTEN, port), os.environ)
    wait_answering([begun], 20)
    assert daemons.seen() == (begun,)
    assert psutil.pid_exists(begun.pid)
    assert daemons.stop()
    assert not begun.lives
    assert daemons.seen() == ()
    assert not daemons.stop()


def test_one_of_a_name_lives_at_a_time_and_a_dead_one_is_replaced(daemons: Daemons) -> None:
    first = daemons.start("one", 1, python("import time; time.sleep(60)"), os.environ)
    with pytest.raises(Refused, match="already up"):
        daemons.start("one", 1, python("pass"), os.environ)
    psutil.Process(first.pid).kill()
    psutil.Process(first.pid).wait(10)
    second = daemons.start("one", 1, python("import time; time.sleep(60)"), os.environ)
    assert daemons.seen() == (second,)


def test_one_that_does_not_want_to_stop_is_killed(daemons: Daemons, tmp_path: Path) -> None:
    begun = daemons.start("one", 1, python(STUBBORN), os.environ)
    while "up" not in (tmp_path / "logs" / "one.log").read_text():
        pass
    assert daemons.stop(0.2)
    assert not begun.lives


def test_what_cannot_be_executed_or_ends_or_is_silent_is_said(daemons: Daemons) -> None:
    with pytest.raises(Refused, match="cannot be started"):
        daemons.start("none", 1, ["/nowhere/at/all"], os.environ)
    ended = daemons.start("ended", free_port(0), python("pass"), os.environ)
    with pytest.raises(Refused, match="has ended"):
        wait_answering([ended], 20)
    silent = daemons.start("silent", free_port(0), python("import time; time.sleep(60)"), os.environ)
    with pytest.raises(DeadlineExceeded, match="silent"):
        wait_answering([silent], 0.3)


def test_a_port_that_is_taken_is_not_taken_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken: int = listening.getsockname()[1]
        assert free_port(taken) != taken
    assert free_port(taken) == taken
