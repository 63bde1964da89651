"""The spool: records on disk before the reply, kept until the store has them.

A folder of segments, each a file of lines ``CRC32 JSON\\n``. Appending is one `write`, which survives the death of
the process; `sync` in the background makes it survive a power cut too. Whoever appends answers people and never waits
for the disk itself: a full segment is left for `sync` to make durable, which also opens the next one ahead. Every
start begins a new segment, so nothing is ever written behind a torn tail, and a reader drops what the checksum does
not confirm. ``checkpoint.json`` says how far the store has got; it may lag behind, since the store takes a record
twice without harm.
"""

from __future__ import annotations

import errno
import fcntl
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from contender.errors import Unavailable

SEGMENT_BYTES: Final = 8 * 1024**2
MOST_BYTES: Final = 4 * 1024**3
"""What the spool may take of the disk while the store is away: some ten million records."""
_CHUNK: Final = 1024**2
_CHECKPOINT: Final = "checkpoint.json"
_REFUSED: Final = "refused.lines"


class Position(NamedTuple):
    """A place in the spool: a segment's number and a byte in it."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in the order they were written, how many lines were `damaged`, and where reading goes on."""

    records: Sequence[bytes]
    damaged: int
    end: Position

    @property
    def lines(self) -> int:
        """How many lines the batch covers."""
        return len(self.records) + self.damaged


class Spool:
    """The spool in `folder`, of which there is one at a time. One thread appends; one other reads, commits and syncs.

    `durable` waits until a file's bytes are safe.

    Raises:
        Unavailable: the folder cannot be used, or another process uses it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        most_bytes: int = MOST_BYTES,
        durable: Callable[[int], None] = os.fdatasync,
    ) -> None:
        self._folder, self._segment_bytes, self._durable = folder, segment_bytes, durable
        self._most_segments = max(2, most_bytes // segment_bytes)
        self._full: deque[int] = deque()
        self._ahead: deque[tuple[int, int]] = deque()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._claim = _locked(folder / "spool.lock")
            self._done = self._checkpoint()
            self._active = max([self._done.segment, *self._segments()], default=0)
            self._appended, self._committed = self._count(), 0
            self._file = self._begin()
        except OSError as error:
            raise Unavailable(f"the spool {folder} cannot be used: {error.strerror}") from error

    @property
    def depth(self) -> int:
        """Lines that the store does not have yet."""
        return self._appended - self._committed

    def append(self, records: Sequence[bytes]) -> None:
        """Put `records` (JSON without newlines) on disk, all or none.

        Raises:
            Unavailable: the disk takes no more; nothing of `records` is kept.
        """
        content = b"".join(b"%08x %b\n" % (zlib.crc32(record), record) for record in records)
        try:
            if self._size + len(content) > self._segment_bytes and self._size:
                self._rotate()
            self._write(content)
        except OSError as error:
            raise Unavailable(f"the spool cannot be written: {error.strerror}") from error
        self._appended += len(records)

    def sync(self) -> None:
        """Make what was appended survive a power cut; whoever reads calls it."""
        # Only here are files closed, so the active one stays open however often it is left for another meanwhile.
        for _ in range(len(self._full)):
            self._durable(self._full[0])
            os.close(self._full.popleft())
        self._durable(self._file)
        if self._size > self._segment_bytes // 2 and not self._ahead:
            number = self._active + 1
            self._ahead.append((number, self._open(number)))

    def read(self, limit: int) -> Batch:
        """Up to `limit` records after the last commit, oldest first; empty when there are none."""
        position = self._done
        for segment in sorted(number for number in self._segments() if number >= position.segment):
            offset = position.offset if segment == position.segment else 0
            batch = _read(self._path(segment), Position(segment, offset), limit)
            if batch.lines:
                return batch
        return Batch((), 0, position)

    def commit(self, batch: Batch) -> None:
        """The store has everything of `batch`, the one that was read last: forget it."""
        self._done, self._committed = batch.end, self._committed + batch.lines
        draft = self._folder / f"{_CHECKPOINT}.draft"
        draft.write_bytes(orjson.dumps(list(batch.end)))
        draft.replace(self._folder / _CHECKPOINT)
        for segment in self._segments():
            if segment < batch.end.segment:
                self._path(segment).unlink()

    def set_aside(self, records: Sequence[bytes]) -> None:
        """Keep `records`, which the store never takes, in a file beside the spool, for a person to look at."""
        if records:
            path = self._folder / _REFUSED
            path.touch(mode=0o600)
            with path.open("ab") as file:
                file.writelines(record + b"\n" for record in records)

    def close(self) -> None:
        """Make everything durable and let go of the folder."""
        self.sync()
        for descriptor in (self._file, *(opened for _, opened in self._ahead)):
            os.close(descriptor)
        os.close(self._claim)

    def _write(self, content: bytes) -> None:
        written = os.write(self._file, content)
        if written < len(content):
            # A full disk may take a part of the line; what is written next must not stick to it.
            os.ftruncate(self._file, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += written

    def _rotate(self) -> None:
        if self._active - self._done.segment >= self._most_segments:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        full, self._file = self._file, self._begin()
        self._full.append(full)

    def _begin(self) -> int:
        """The file of the next segment, opened ahead or now."""
        number = self._active + 1
        descriptor = self._opened_ahead(number)
        if descriptor is None:
            descriptor = self._open(number)
        self._active, self._size = number, 0
        return descriptor

    def _opened_ahead(self, number: int) -> int | None:
        while self._ahead:
            ahead, descriptor = self._ahead.popleft()
            if ahead == number:
                return descriptor
            # `sync` opened it just when it was begun here.
            os.close(descriptor)
        return None

    def _open(self, number: int) -> int:
        return os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _path(self, segment: int) -> Path:
        return self._folder / f"{segment:012d}.jsonl"

    def _segments(self) -> list[int]:
        return [int(path.stem) for path in self._folder.glob("*.jsonl")]

    def _checkpoint(self) -> Position:
        try:
            segment, offset = orjson.loads((self._folder / _CHECKPOINT).read_bytes())
            return Position(int(segment), int(offset))
        except (FileNotFoundError, ValueError, TypeError):
            # Without a readable checkpoint everything is shipped again, which the store takes without harm.
            return Position(0, 0)

    def _count(self) -> int:
        return sum(batch.lines for batch in self._all())

    def _all(self) -> Iterator[Batch]:
        for segment in sorted(number for number in self._segments() if number >= self._done.segment):
            position = Position(segment, self._done.offset if segment == self._done.segment else 0)
            while (batch := _read(self._path(segment), position, 1_000_000)).lines:
                yield batch
                position = batch.end


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _read(path: Path, start: Position, limit: int) -> Batch:
    """Whole lines of one segment from `start` on, at least one if there is one; a tail without newline is torn, or
    still being written."""
    with path.open("rb") as file:
        file.seek(start.offset)
        content = file.read(_CHUNK)
        if b"\n" not in content:
            content += file.readline()
    lines = content.split(b"\n")[:-1][:limit]
    records = [record for line in lines if (record := _confirmed(line)) is not None]
    end = Position(start.segment, start.offset + sum(len(line) + 1 for line in lines))
    return Batch(records, len(lines) - len(records), end)


def _confirmed(line: bytes) -> bytes | None:
    checksum, _, record = line.partition(b" ")
    return record if checksum == b"%08x" % zlib.crc32(record) else None
