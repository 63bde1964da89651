"""One worker at a time on one machine, by a lock on a file that ends with its process."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contender.errors import Conflict, Unavailable


class FileLease:
    """The lease in the file `path`, for processes of one machine; `holder` is whose name others read there."""

    def __init__(self, path: Path, holder: str) -> None:
        self._path, self._holder = path, holder

    @contextmanager
    def held(self) -> Iterator[threading.Event]:
        """Hold the lease while the block runs; yields an event that is set once it is lost, which it never is here.

        Raises:
            Conflict: another process holds it.
            Unavailable: the file cannot be used.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be used: {error}") from error
        try:
            self._lock(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, self._holder.encode(), 0)
            yield threading.Event()
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace")
            raise Conflict(f"{self._path.stem} is held by {holder}", remedy="wait until it is done") from error
