"""Anchors of audit trails as lines of files, one file a task: only ever appended to.

Put the folder where the store's owner cannot write: another account's disk, a mount that keeps every version.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from contender.adapters.anchor import anchor_of
from contender.errors import FaultFound, Unavailable

_BEGINS: Final = '{"at": '


class AnchorFiles:
    """The `Anchors` in `folder`, for any number of processes at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, task: str) -> Path:
        """Where the anchors of `task` lie."""
        return self._folder / f"{task}.jsonl"

    def keep(self, task: str, anchor: Mapping[str, Any]) -> None:
        """Append `anchor`, on disk when this returns, unless it is the last one already.

        Raises:
            Unavailable: the file cannot be written.
        """
        line = json.dumps(anchor, sort_keys=True).encode() + b"\n"
        with _translated():
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path(task), os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if _tail(descriptor, len(line)) != line:
                    # What a crash left without its end becomes a line of its own, which `kept` passes over.
                    _append(descriptor, line if _tail(descriptor, 1) in (b"", b"\n") else b"\n" + line)
            finally:
                os.close(descriptor)

    def kept(self, task: str) -> Sequence[Mapping[str, Any]]:
        """All anchors of `task`, in the order they were kept; none before the first.

        What a crash left of one is passed over once another was kept behind it, which covers all that it would have.

        Raises:
            FaultFound: the file holds something else.
            Unavailable: the file cannot be read.
        """
        with _translated():
            lines = self.path(task).read_text().splitlines() if self.path(task).exists() else []
        whole = [line for line in lines[:-1] if not _torn(line)] + lines[-1:]
        try:
            return [anchor_of(json.loads(line)) for line in whole]
        except (ValueError, KeyError, TypeError) as error:
            raise FaultFound(f"the anchors of {task} were damaged: {self.path(task)}: {error}") from error


def _tail(descriptor: int, length: int) -> bytes:
    return os.pread(descriptor, length, max(0, os.fstat(descriptor).st_size - length))


def _append(descriptor: int, content: bytes) -> None:
    """Write all of `content`, or nothing."""
    size = os.fstat(descriptor).st_size
    if os.write(descriptor, content) < len(content):
        os.ftruncate(descriptor, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(descriptor)


def _torn(line: str) -> bool:
    """Whether `line` is the beginning of an anchor, and not all of it."""
    return not line.endswith("}") and line[: len(_BEGINS)] == _BEGINS[: len(line)]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"the audit anchors cannot be used: {error}", remedy="see `contender doctor`") from error
