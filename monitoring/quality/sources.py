"""Which files are meant: one, those of a folder, or those under an S3 prefix; and what of these is passed over."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from contender.adapters import files_s3
from contender.errors import InvalidInput, NotFound

READ: Final = (".csv", ".tsv", ".tab", ".csv.gz", ".tsv.gz")
"""How the names of files that are read end, in capitals or not."""

NAMED: Final = (
    *(".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".numbers", ".parquet", ".feather", ".json", ".jsonl", ".ndjson"),
    *(".csv.zip", ".csv.bz2", ".csv.xz", ".csv.zst", ".zip", ".gz"),
)
"""Of files that hold rows in a form that is not read: they are checked all the same, and held by the form's name."""

SHOWN: Final = 5


class Sources(NamedTuple):
    """The files to check, in the order of their names, and the names of what lies beside them and is passed over."""

    files: Sequence[Path]
    passed_over: Sequence[str] = ()


def is_meant(name: str) -> bool:
    """Whether a file of that name in a folder of files is one to check."""
    return name.lower().endswith((*READ, *NAMED)) and not _is_hidden(name)


@contextmanager
def files_of(source: str) -> Iterator[Sources]:
    """What `source` names; copies from S3 are gone when the block ends.

    Raises:
        NotFound: no such file, folder or bucket.
        InvalidInput: the folder may not be read.
        Unavailable: S3 does not answer.
    """
    if source.startswith(files_s3.SCHEME):
        with tempfile.TemporaryDirectory() as folder:
            fetched = files_s3.fetch(source, Path(folder), is_meant)
            yield Sources(fetched.copies, _visible(fetched.passed_over))
    else:
        yield _found(Path(source))


def named(passed_over: Sequence[str]) -> str:
    """The names of what is passed over, the first few of many."""
    rest = len(passed_over) - SHOWN
    return ", ".join(passed_over[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _found(source: Path) -> Sources:
    try:
        if source.is_dir():
            beside = sorted(source.iterdir())
            files = [path for path in beside if is_meant(path.name) and path.is_file()]
            others = [path.name + ("/" if path.is_dir() else "") for path in beside if path not in files]
            return Sources(files, _visible(others))
        if source.is_file():
            return Sources([source])
    except OSError as error:
        remedy = "give the right to read it, or name another"
        raise InvalidInput(str(source), f"cannot be read: {error.strerror}", remedy=remedy) from error
    raise NotFound(f"there is no file and no folder {source}", remedy="check the path")


def _visible(names: Iterable[str]) -> list[str]:
    return [name for name in names if not _is_hidden(name)]


def _is_hidden(name: str) -> bool:
    """Whether it is a system's or a program's own: a dot file, or the lock of an open workbook."""
    return PurePosixPath(name).name.startswith((".", "~$"))
