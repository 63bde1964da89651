"""Ingest: a CSV file as it is, or synthetic rows, as JSON lines with the digest of what was read."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from contender.adapters import files_s3
from contender.errors import InvalidInput
from contender.tasks.catalog import task_named
from monitoring.quality.dialect import Unreadable
from monitoring.quality.sources import is_meant, named
from monitoring.quality.tabular import LONG, MAX_CELL, Chunk, Odd, chunks_of, digest_of, header_of
from pipelines.params import DataParams
from pipelines.steps.command import main
from pipelines.steps.files import REPORT, ROWS, write_document, write_rows
from pipelines.steps.progress import reported

MALFORMED: Final = "(malformed line)"
"""The only column of a row whose line does not fit the header: why it does not."""


@reported("ingest")
def ingest(task: str, data: DataParams, source: Path) -> dict[str, Any]:
    """Write rows and a report of where they came from (sha256 of its bytes, synthetic or not) into the folder `source`.

    Raises:
        NotFound: no such file.
        InvalidInput: a file that is not read here (see `read_csv`), or an address of several.
        Unavailable: S3 does not answer.
    """
    if data.file:
        with _file(data.file) as file:
            table, digest = read_csv(file), digest_of(file)
    else:
        table = task_named(task).generate(data.rows, data.seed)
        digest = hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()
    write_rows(source / ROWS, table)
    document = {
        "source": Path(data.file).name if data.file else synthetic_source(data.seed),
        "synthetic": not data.file,
        "data_digest": digest,
        "rows": len(table),
    }
    write_document(source / REPORT, document)
    return document


def synthetic_source(seed: int) -> str:
    """What a version made from synthetic rows calls its data: their seed tells them apart."""
    return f"synthetic, seed {seed}"


def read_csv(path: Path) -> list[dict[str, object]]:
    """The rows of a CSV file as text, None for a blank. A line that does not fit becomes `MALFORMED`, which says why.

    A line without any cell is no row.

    Raises:
        NotFound: no such file.
        InvalidInput: a file of a form that is not read here, or a header that is missing or repeats a name.
    """
    try:
        if not (header := header_of(path)):
            raise InvalidInput("data", f"{path.name} holds no rows: it is empty", remedy="name a file with rows")
        if len(set(header)) != len(header):
            raise InvalidInput("data", "needs a header line in which every column has a name of its own")
        return [row for chunk in chunks_of(path) for row in _rows(header, chunk)]
    except Unreadable as error:
        raise InvalidInput("data", f"{path.name} {error.words}", remedy=error.remedy) from error


def _rows(header: Sequence[str], chunk: Chunk) -> Iterator[dict[str, object]]:
    """The rows of a chunk in the order in which they came."""
    read: list[dict[str, object]] = [
        {name: text.strip() or None for name, text in zip(header, line, strict=True)} for line in chunk.lines
    ]
    odd: list[dict[str, object]] = [{MALFORMED: _why(one, len(header))} for one in chunk.odd]
    numbers = [*chunk.numbers, *(one.number for one in chunk.odd)]
    for _, row in sorted(zip(numbers, [*read, *odd], strict=True), key=itemgetter(0)):
        yield row


def _why(odd: Odd, width: int) -> str:
    if odd.fault is LONG:
        return f"a cell longer than {MAX_CELL:,} characters"
    return f"{len(odd.fields)} fields where the header has {width}"


@contextmanager
def _file(address: str) -> Iterator[Path]:
    """The file on this machine that `address` names, a path or one in a bucket."""
    if not address.startswith(files_s3.SCHEME):
        yield Path(address)
        return
    with tempfile.TemporaryDirectory() as folder:
        copies, passed_over = files_s3.fetch(address, Path(folder), is_meant)
        if len(copies) != 1:
            among = f" ({named(passed_over)} passed over)" if passed_over else ""
            message = f"{address} names {len(copies) or 'no'} files of rows{among}"
            raise InvalidInput("data.file", message, remedy="name one, to its end")
        yield copies[0]


if __name__ == "__main__":
    main(ingest)
