"""The log files of supervised processes: appended to by them, kept small by the supervisor."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

LOG_BYTES: Final = 1024 * 1024
"""The size beyond which a log is set aside as ``<name>.log.1``, in place of the one set aside before."""

_TAIL_BYTES: Final = 4096
_WORDS: Final = 300


class ProcessLog:
    """The log of one process from where it begins in the file."""

    def __init__(self, path: Path, *, limit: int = LOG_BYTES) -> None:
        self._path, self._limit = path, limit
        path.parent.mkdir(parents=True, exist_ok=True)
        self._begin = 0
        self.bound()
        self._begin = self._size()

    def open(self) -> int:
        """A descriptor for the process to append to; the caller closes its copy."""
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def bound(self) -> None:
        """Set the log aside if it has grown too large.

        By copy, then truncation, for the process keeps its descriptor: what it writes in between is lost.
        """
        if self._size() <= self._limit:
            return
        with suppress(OSError):  # a full disk is the more reason to truncate
            shutil.copyfile(self._path, self._path.with_name(f"{self._path.name}.1"))
        with suppress(OSError):  # someone may clear logs away at any moment: no reason to stop serving
            os.truncate(self._path, 0)
        self._begin = 0

    def last_words(self) -> str:
        """The last line that the process wrote, or the ``reason`` a structured one gives; empty when it wrote none.

        Cut to a readable length.
        """
        with suppress(OSError), self._path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._begin, size - _TAIL_BYTES))
            lines = file.read(_TAIL_BYTES).decode("utf-8", "replace").split("\n")
            return next((_reason(line.strip())[:_WORDS] for line in reversed(lines) if line.strip()), "")
        return ""

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0


def _reason(line: str) -> str:
    try:
        return str(json.loads(line)["reason"])
    except (ValueError, KeyError, TypeError):
        return line
