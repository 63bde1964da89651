"""Ingest: a CSV file as it is, or synthetic rows, as JSON lines with the digest of what was read."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from contender.adapters import files_s3
from contender.errors import InvalidInput, NotFound
from contender.tasks.catalog import task_named
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
        InvalidInput: a file that is not CSV in UTF-8 with a header, or an address of several.
        Unavailable: S3 does not answer.
    """
    if data.file:
        content = _content(data.file)
        table = parse_csv(content)
    else:
        table = task_named(task).generate(data.rows, data.seed)
        content = json.dumps(table, sort_keys=True).encode()
    write_rows(source / ROWS, table)
    document = {
        "source": Path(data.file).name if data.file else synthetic_source(data.seed),
        "synthetic": not data.file,
        "data_digest": hashlib.sha256(content).hexdigest(),
        "rows": len(table),
    }
    write_document(source / REPORT, document)
    return document


def synthetic_source(seed: int) -> str:
    """What a version made from synthetic rows calls its data: their seed tells them apart."""
    return f"synthetic, seed {seed}"


def read_csv(path: Path) -> list[dict[str, object]]:
    """The rows of a CSV file as text, None for a blank; see `parse_csv`.

    Raises:
        NotFound: no such file.
        InvalidInput: a file that is not CSV in UTF-8 with a header.
    """
    return parse_csv(_bytes_of(path))


def parse_csv(content: bytes) -> list[dict[str, object]]:
    """Rows as text, None for a blank. A line that does not fit the header becomes a row `MALFORMED` that says why.

    Raises:
        InvalidInput: not CSV in UTF-8, or a header that is missing or repeats a name.
    """
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput("data", f"is not a CSV file in UTF-8: {error}") from error
    header = [name.strip() for name in lines[0]] if lines else []
    if not header or len(set(header)) != len(header):
        raise InvalidInput("data", "needs a header line in which every column has a name of its own")
    return list(_rows(header, lines[1:]))


def _rows(header: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[dict[str, object]]:
    for line in lines:
        if len(line) == len(header):
            yield {name: text.strip() or None for name, text in zip(header, line, strict=True)}
        elif line:
            yield {MALFORMED: f"{len(line)} fields where the header has {len(header)}"}


def _content(file: str) -> bytes:
    if not file.startswith(files_s3.SCHEME):
        return _bytes_of(Path(file))
    with tempfile.TemporaryDirectory() as folder:
        first, *others = files_s3.fetch(file, Path(folder))
        if others:
            raise InvalidInput("data.file", f"{file} names {1 + len(others)} files", remedy="name one, to its end")
        return first.read_bytes()


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror}", remedy="check the path given with --data") from error


if __name__ == "__main__":
    main(ingest)
