"""Become the program given, tied to the life of the process that started it.

Run as ``python tether.py PARENT_PID PROGRAM ARGUMENT…``. A program of its own and not code between fork and exec:
the supervisor has threads, and Python code after a fork of a threaded process can deadlock. Standard library only,
and nothing of this project, so that it starts in milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Replace this process; returns only by raising."""
    parent, program = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        # The kernel kills the program when its parent dies, even a stopped one that could not act on its lifeline.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the supervisor died before this process began")
    os.execvp(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
