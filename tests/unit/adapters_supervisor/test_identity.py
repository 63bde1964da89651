"""Telling a process from a later one with its pid."""

import os

from contender.adapters.supervisor.identity import living, started_at


def test_a_process_is_known_by_pid_and_start() -> None:
    start = started_at(os.getpid())
    found = living(os.getpid(), start)
    assert found is not None
    assert found.pid == os.getpid()
    assert living(os.getpid(), start - 60) is None
    assert living(2**22 + 1, start) is None
