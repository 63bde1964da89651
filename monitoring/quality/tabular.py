"""CSV files in pieces: a header, then chunks of columns. A million rows never lie in memory at once."""

from __future__ import annotations

import csv
import gzip
import hashlib
import itertools
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, NamedTuple

from contender.tasks.rules import Issue, RowFault
from monitoring.quality.dialect import (
    GZIP_ERRORS,
    Dialect,
    Unreadable,
    broken_gzip,
    dialect_of,
    gone,
    holds_nul,
    wrong_encoding,
)

CHUNK_ROWS: Final = 1_000
"""So few rows stay in the processor's cache while they are turned into columns: twice as fast as 20 000."""
_BLOCK: Final = 1 << 20

MAX_CELL: Final = 1 << 17
"""Characters of a cell; a row with a longer one is set aside."""
MAX_LINE: Final = 1 << 24
"""Characters of a line, or of a cell with lines in it: beyond that a quote was left open, or it is no table."""
MAX_EXPANDED: Final = 1 << 32
"""Characters that a file compressed by gzip may expand to."""

RAGGED: Final = RowFault(Issue.TYPE_ERROR, "another_number_of_fields", "")
LONG: Final = RowFault(Issue.OUT_OF_RANGE, "cell_too_long", "")

csv.field_size_limit(MAX_LINE)  # the module's own is of the whole process, and a longer cell would end the reading


class Odd(NamedTuple):
    """A row that cannot be read into columns, and why."""

    number: int
    fields: Sequence[str]
    fault: RowFault


class Chunk(NamedTuple):
    """Some rows in a row of a file: `numbers` (from 1, rows without a cell not counted), `lines` as is, `columns`.

    `odd` holds those with another number of fields than the header or a cell too long, which are in neither.
    """

    numbers: Sequence[int]
    lines: Sequence[Sequence[str]]
    columns: Sequence[Sequence[str]]
    odd: Sequence[Odd]

    def without(self, indices: Collection[int]) -> Chunk:
        """The chunk without those of its whole rows, and without the odd ones."""
        if not indices:
            return Chunk(self.numbers, self.lines, self.columns, ())
        kept = [index for index in range(len(self.lines)) if index not in indices]
        return _whole([self.numbers[index] for index in kept], [self.lines[index] for index in kept], len(self.columns))


def digest_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hex.

    Raises:
        NotFound: the file cannot be read.
    """
    seen = hashlib.sha256()
    try:
        with path.open("rb") as content:
            while block := content.read(_BLOCK):
                seen.update(block)
    except OSError as error:
        raise gone(path, error) from error
    return seen.hexdigest()


def header_of(path: Path) -> tuple[str, ...]:
    """The names in the first line that has any, without spaces around them; empty for an empty file.

    Raises:
        Unreadable: the file is of a form that is not read here.
    """
    with _lines(path) as lines:
        return tuple(name.strip() for name in next(lines, []))


def chunks_of(path: Path, size: int = CHUNK_ROWS) -> Iterator[Chunk]:
    """The rows below the header, in order, `size` at a time; a line without any cell is no row.

    Raises:
        Unreadable: the file is of a form that is not read here.
    """
    with _lines(path) as lines:
        width = len(next(lines, []))
        numbered = enumerate(lines, start=1)
        while piece := list(itertools.islice(numbered, size)):
            yield _chunk(piece, width)


def _chunk(piece: Sequence[tuple[int, list[str]]], width: int) -> Chunk:
    odd = [Odd(number, line, fault) for number, line in piece if (fault := _oddity(line, width))]
    left_out = {one.number for one in odd}
    whole = [(number, line) for number, line in piece if number not in left_out] if odd else piece
    numbers, lines = [number for number, _ in whole], [line for _, line in whole]
    return _whole(numbers, lines, width)._replace(odd=odd)


def _oddity(line: Sequence[str], width: int) -> RowFault | None:
    if len(line) != width:
        return RAGGED
    return LONG if len("".join(line)) > MAX_CELL and max(map(len, line)) > MAX_CELL else None


def _whole(numbers: Sequence[int], lines: Sequence[Sequence[str]], width: int) -> Chunk:
    return Chunk(numbers, lines, list(zip(*lines, strict=True)) or [()] * width, ())


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[list[str]]]:
    """The lines of the file that have a cell."""
    dialect = dialect_of(path)
    try:
        with _text(path, dialect) as content:
            most = MAX_EXPANDED if dialect.compressed else sys.maxsize
            reader = csv.reader(_checked(content, most), delimiter=dialect.separator, strict=True)
            yield (line for line in reader if any(map(str.strip, line)))
    except UnicodeDecodeError as error:
        raise wrong_encoding(error.object) from None
    except csv.Error:
        message = f"is not CSV: a quote is left open, or a cell is longer than {MAX_LINE:,} characters"
        raise Unreadable("", message, remedy="close the quote") from None
    except GZIP_ERRORS as error:
        raise broken_gzip() from error
    except OSError as error:
        raise gone(path, error) from error


def _text(path: Path, dialect: Dialect) -> IO[str]:
    if dialect.compressed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _checked(content: IO[str], most: int) -> Iterator[str]:
    """The lines, each of a length that memory holds, together at most `most` characters."""
    total = 0
    while line := content.readline(MAX_LINE + 1):
        total += len(line)
        if "\0" in line:
            raise holds_nul()
        if len(line) > MAX_LINE:
            raise Unreadable("", f"has a line longer than {MAX_LINE:,} characters", remedy="save it as CSV in lines")
        if total > most:
            raise Unreadable("", f"expands to more than {most:,} characters", remedy="split it into several files")
        yield line
