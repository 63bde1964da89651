"""Which files are meant: one, those of a folder, or those under an S3 prefix."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from contender.adapters import files_s3
from contender.errors import NotFound


@contextmanager
def files_of(source: str) -> Iterator[Sequence[Path]]:
    """The CSV files that `source` names, in the order of their names; copies from S3 are gone when the block ends.

    Raises:
        NotFound: no such file, folder or bucket.
        Unavailable: S3 does not answer.
    """
    if source.startswith(files_s3.SCHEME):
        with tempfile.TemporaryDirectory() as folder:
            yield files_s3.fetch(source, Path(folder))
    elif Path(source).is_dir():
        yield sorted(path for path in Path(source).glob("*.csv") if path.is_file())
    elif Path(source).is_file():
        yield [Path(source)]
    else:
        raise NotFound(f"there is no file and no folder {source}", remedy="check the path")
