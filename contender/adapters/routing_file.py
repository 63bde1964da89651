"""The routing document as a file: replaced by atomic rename, watched by its readers, acknowledged by each of them.

In one folder::

    job-change.routing.json           the document in force
    job-change.routing.lock           held (flock) by whoever compares and swaps
    job-change.applied/NAME.json      the generation that the reader NAME obeys
    job-change.applied/NAME.lock      held (flock) for as long as that reader lives

A reader that dies lets go of its lock, whatever killed it, and is waited for no longer. Standard library only: the
transformer imports this module.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from contender.adapters.routing_rules import Waiting, check_successor, generation_in, routing_of, wait_for_none
from contender.errors import DeadlineExceeded, InvalidInput, Unavailable
from contender.routing import MAX_BYTES, Routing

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_POLL_S = 0.005


class RoutingFile:
    """A `RoutingStore` over the files in `folder`, for one writer or many and for any number of readers.

    One object may be shared by threads. `monotonic` and `sleep` are the clock of waiting; `lock_deadline_s` is how
    long a write waits for another writer.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        lock_deadline_s: float = 5.0,
    ) -> None:
        self._folder = Path(folder)
        self._monotonic, self._sleep, self._lock_deadline_s = monotonic, sleep, lock_deadline_s
        self._alive: dict[Path, int] = {}

    def path(self, task: str) -> Path:
        """Where the document of `task` lies, there already or not: what a `RoutingWatch` is given."""
        return self._folder / f"{_checked('task', task)}.routing.json"

    def read(self, task: str) -> Routing | None:
        """The routing in force, or None before the first one.

        Raises:
            InvalidRouting: the file holds something else; the message names the field.
            Unavailable: the file cannot be read.
        """
        with _translated(f"the routing of {task}"):
            content = _read(self.path(task))
        return None if content is None else routing_of(task, content)

    def write(self, routing: Routing, *, expected: int | None) -> None:
        """Replace the document if its generation is still `expected` (None: there is none yet, or a broken one).

        Returns once the new document is on disk.

        Raises:
            Conflict: the generation is another one.
            InvalidRouting: `routing` could not be read back, or its generation does not grow.
            DeadlineExceeded: another writer holds the lock.
            Unavailable: the file cannot be written.
        """
        content = routing.to_json().encode()
        routing_of(routing.task, content)
        with _translated(f"the routing of {routing.task}"), self._locked(routing.task):
            check_successor(routing, generation_in(lambda: self.read(routing.task)), expected)
            _replace(self.path(routing.task), content)

    def acknowledge(self, task: str, generation: int, reader: str) -> None:
        """State that `reader`, which lives as long as this object is open, obeys `generation` from now on.

        Raises:
            DeadlineExceeded: another reader of that name lives.
            Unavailable: the acknowledgement cannot be written.
        """
        folder = self._applied(task)
        content = json.dumps({"generation": generation, "pid": os.getpid()}).encode()
        with _translated(f"the acknowledgement of {task}"):
            folder.mkdir(parents=True, exist_ok=True)
            self._stay_alive(folder / f"{_checked('reader', reader)}.lock")
            _replace(folder / f"{reader}.json", content, durable=False)

    def wait_applied(self, task: str, generation: int, *, deadline_s: float) -> None:
        """Return once every living reader obeys `generation` or a later one; at once when there is no reader.

        Raises:
            DeadlineExceeded: some reader does not yet; the message names it.
        """
        subject, waiting = f"generation {generation} of {task}", Waiting(self._monotonic, self._sleep, _POLL_S)
        wait_for_none(lambda: self._late(task, generation), subject, waiting, deadline_s=deadline_s)

    def close(self) -> None:
        """Stop being a reader: nobody waits for this object's acknowledgements any more."""
        while self._alive:
            os.close(self._alive.popitem()[1])

    def _applied(self, task: str) -> Path:
        return self._folder / f"{_checked('task', task)}.applied"

    def _late(self, task: str, generation: int) -> list[str]:
        locks = sorted(self._applied(task).glob("*.lock"))
        return [lock.stem for lock in locks if _acknowledged(lock) < generation and _held(lock)]

    def _stay_alive(self, lock: Path) -> None:
        if lock in self._alive:
            return
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            # A waiter that probes the lock holds it for a moment, so a few attempts must be allowed.
            self._take(descriptor, f"a reader named {lock.stem!r} lives already")
        except BaseException:
            os.close(descriptor)
            raise
        self._alive[lock] = descriptor

    @contextmanager
    def _locked(self, task: str) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._folder / f"{_checked('task', task)}.routing.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._take(descriptor, f"another process is writing the routing of {task}")
            yield
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int, refusal: str) -> None:
        end = self._monotonic() + self._lock_deadline_s
        while not _try_lock(descriptor):
            if self._monotonic() >= end:
                raise DeadlineExceeded(refusal)
            self._sleep(_POLL_S)


class RoutingWatch:
    """Tells whether the file at `path` was replaced since the last look: one `stat`, cheap enough for every 20 ms."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._seen: tuple[int, int, int] | None = None

    def changed(self) -> bytes | None:
        """The file's content if it is another one than at the last call, else None; None while there is no file.

        At most one byte more than a routing document may have is read, so that `parse` refuses what is too large.
        """
        try:
            if _signature(self._path.stat()) == self._seen:
                return None
            with self._path.open("rb") as file:
                seen, content = _signature(os.fstat(file.fileno())), file.read(MAX_BYTES + 1)
        except OSError:
            return None
        # Only now: what could not be read is looked at again.
        self._seen = seen
        return content


def _checked(field: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidInput(field, f"{name!r} cannot be a file's name")
    return name


def _signature(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> bytes | None:
    with suppress(FileNotFoundError), path.open("rb") as file:
        return file.read(MAX_BYTES + 1)
    return None


@contextmanager
def _translated(subject: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"{subject} cannot be used: {error}") from error


def _replace(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Readers see the old or the new content whole; when `durable`, after a power cut as well."""
    # One fixed name: the lock admits one writer, and what a crash leaves is overwritten by the next.
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    draft.replace(path)
    if durable:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _acknowledged(lock: Path) -> int:
    content = _read(lock.with_suffix(".json"))
    try:
        return int(json.loads(content or b"{}").get("generation", -1))
    except (ValueError, TypeError, AttributeError):
        return -1


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _held(lock: Path) -> bool:
    """Whether some process holds `lock`; probing with a shared lock, so that two probes do not see each other."""
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
