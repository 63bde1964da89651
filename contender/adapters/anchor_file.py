"""Anchors of audit trails as lines of files, one file a task: only ever appended to.

Put the folder where the store's owner cannot write: another account's disk, a mount that keeps every version.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contender.errors import FaultFound, Unavailable


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
            # One write of a short line with O_APPEND: rivals' lines follow each other, they do not mix.
            descriptor = os.open(self.path(task), os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                if _tail(descriptor, len(line)) != line:
                    os.write(descriptor, line)
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def kept(self, task: str) -> Sequence[Mapping[str, Any]]:
        """All anchors of `task`, in the order they were kept; none before the first.

        Raises:
            FaultFound: the file holds something else.
            Unavailable: the file cannot be read.
        """
        with _translated():
            lines = self.path(task).read_text().splitlines() if self.path(task).exists() else []
        try:
            return [_anchor(json.loads(line)) for line in lines]
        except (ValueError, KeyError, TypeError) as error:
            raise FaultFound(f"the anchors of {task} were damaged: {self.path(task)}: {error}") from error


def _tail(descriptor: int, length: int) -> bytes:
    return os.pread(descriptor, length, max(0, os.fstat(descriptor).st_size - length))


def _anchor(document: Mapping[str, Any]) -> dict[str, Any]:
    return {"sequence": int(document["sequence"]), "hash": str(document["hash"]), "at": float(document["at"])}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"the audit anchors cannot be used: {error}", remedy="see `contender doctor`") from error
