"""Where checked files go: good rows, bad rows, held files, the journal, and the ids that were seen.

A file's outputs are named by the digest of its bytes, appear whole or not at all, and the journal's entry comes last:
a check that was killed leaves no entry, is done again from the start, and replaces what it had put there.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from contender.errors import Conflict, InvalidInput
from monitoring.quality.report import Report, parse
from monitoring.quality.survey import Hashes

JOURNAL: Final = ".journal"
_IDS: Final = ".ids"
_HELD: Final = "held"
_PARTIAL: Final = ".partial"
_SHORT: Final = 12


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folders `good` and `bad` of one task."""

    good: Path
    bad: Path

    def good_file(self, source: Path, digest: str) -> Path:
        """Where the good rows of `source` go."""
        return self.good / _named(source, digest)

    def bad_file(self, source: Path, digest: str) -> Path:
        """Where the rows of `source` that were set aside go."""
        return self.bad / _named(source, digest)

    def held_file(self, source: Path, digest: str) -> Path:
        """Where `source` goes when it is held as it is."""
        return (self.bad / _HELD / _named(source, digest)).with_suffix(source.suffix or ".csv")

    def report_of(self, digest: str) -> Report | None:
        """The report of a file that was checked before, by its content."""
        path = self._entry(digest)
        return parse(path.read_text(encoding="utf-8")) if path.is_file() else None

    def passed(self) -> list[tuple[Path, Report]]:
        """The files of good rows whose check was closed, with their reports; those without a good row left out."""
        return [one for one in self._closed() if one[1].good]

    def _closed(self) -> list[tuple[Path, Report]]:
        entries = sorted((self.good / JOURNAL).glob("*.json"))
        reports = [parse(entry.read_text(encoding="utf-8")) for entry in entries]
        return [(self.good_file(Path(one.file), one.digest), one) for one in reports]

    def strays(self) -> list[str]:
        """The names of files in the folder of good rows of which no check says that it put them there."""
        ours = {path.name for path, _ in self._closed()}
        return [path.name for path in sorted(self.good.glob("[!.]*")) if path.is_file() and path.name not in ours]

    def record(self, report: Report) -> None:
        """Close the check: from here on the file is done."""
        content = json.dumps(report.to_document(), indent=1, sort_keys=True) + "\n"
        with replacing(self._entry(report.digest)) as entry:
            entry.write(content)

    def history(self, digest: str) -> Hashes:
        """The sorted hashes of the ids in every good file but that of `digest`."""
        files = [path for path in sorted((self.good / _IDS).glob("*.npy")) if path.stem != digest]
        hashes = [np.load(path, allow_pickle=False) for path in files]
        return np.unique(np.concatenate(hashes)) if hashes else np.empty(0, np.uint64)

    def remember(self, digest: str, ids: Hashes) -> None:
        """Keep the hashes of the ids in a good file."""
        with replacing_bytes(self.good / _IDS / f"{digest}.npy") as content:
            np.save(content, np.unique(ids), allow_pickle=False)

    def _entry(self, digest: str) -> Path:
        return self.good / JOURNAL / f"{digest}.json"


def holds_checks(good: Path) -> bool:
    """Whether anything was ever checked into the folder `good`, or into that of the file `good`."""
    folder = good if good.is_dir() else good.parent
    return (folder / JOURNAL).is_dir()


def _named(source: Path, digest: str) -> str:
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', source.stem)}-{digest[:_SHORT]}.csv"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Work on `folder` while nobody else does.

    Raises:
        Conflict: somebody is at work on it.
        InvalidInput: it cannot be written to.
    """
    with _written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"another process is at work on {folder}"
            raise Conflict(message, remedy="wait for it to end, then do it again") from error
        yield


@contextmanager
def replacing(path: Path, *, before: Callable[[], None] = lambda: None) -> Iterator[IO[str]]:
    """A new text file that takes the place of `path` when the block ends well, just after `before` was called."""
    with _partial(path) as partial:
        with partial.open("w", encoding="utf-8", newline="") as content:
            yield content
            _settle(content)
        before()


@contextmanager
def replacing_bytes(path: Path) -> Iterator[IO[bytes]]:
    """A new file of bytes that takes the place of `path` when the block ends well."""
    with _partial(path) as partial, partial.open("wb") as content:
        yield content
        _settle(content)


@contextmanager
def _partial(path: Path) -> Iterator[Path]:
    with _written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + _PARTIAL)
        yield partial
        partial.replace(path)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = "name a folder that may be written to and has room"
        raise InvalidInput(str(path), f"cannot be written: {error.strerror}", remedy=remedy) from error


def _settle(content: IO[Any]) -> None:
    content.flush()
    os.fsync(content.fileno())
