"""Telling a process from a later one that got the same pid."""

from __future__ import annotations

from typing import Final

import psutil

_SAME_S: Final = 0.05
"""A start is known to a hundredth of a second; a pid comes round again much later than this."""


def started_at(pid: int) -> float:
    """When the process `pid` started, in seconds after the machine's boot: setting the clock does not move it.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    # Asked first, for psutil adds its latest idea of the boot's time to what the kernel counts from the boot.
    boot: float = psutil.boot_time()
    return round(psutil.Process(pid).create_time() - boot, 3)


def living(pid: int, started: float) -> psutil.Process | None:
    """The process `pid` that started at `started`, or None when it has ended, whoever has its pid now."""
    try:
        same = abs(started_at(pid) - started) <= _SAME_S
        process = psutil.Process(pid)
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None
