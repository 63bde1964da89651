"""Which files are meant: one, those of a folder, or those under an S3 prefix."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from contender.adapters import files_s3
from contender.errors import InvalidInput, NotFound


@contextmanager
def files_of(source: str) -> Iterator[Sequence[Path]]:
    """The CSV files that `source` names, in the order of their names; copies from S3 are gone when the block ends.

    Raises:
        NotFound: no such file, folder or bucket.
        InvalidInput: the folder may not be read.
        Unavailable: S3 does not answer.
    """
    if source.startswith(files_s3.SCHEME):
        with tempfile.TemporaryDirectory() as folder:
            yield files_s3.fetch(source, Path(folder))
    else:
        yield _found(Path(source))


def _found(source: Path) -> list[Path]:
    try:
        if source.is_dir():
            return sorted(path for path in source.iterdir() if path.suffix == ".csv" and path.is_file())
        if source.is_file():
            return [source]
    except OSError as error:
        remedy = "give the right to read it, or name another"
        raise InvalidInput(str(source), f"cannot be read: {error.strerror}", remedy=remedy) from error
    raise NotFound(f"there is no file and no folder {source}", remedy="check the path")
