"""Whether a file can be a database of SQLite, before anybody waits for one that cannot."""

from __future__ import annotations

from typing import Final

from contender.adapters.addresses import sqlite_file

_HEAD: Final = b"SQLite format 3\x00"
"""How every database of SQLite begins that is not empty."""


def trouble(url: str) -> str:
    """Why the file that the SQLite address `url` names can be no database; nothing if it can, or none is there yet.

    >>> trouble("postgresql://host/db"), trouble("sqlite:////no/such/file.db"), trouble("sqlite:////dev")
    ('', '', '/dev is no file')
    """
    file = sqlite_file(url)
    try:
        if file is None or not file.exists():
            return ""
        if not file.is_file():
            return f"{file} is no file"
        with file.open("rb") as opened:
            head = opened.read(len(_HEAD))
    except OSError as error:
        return f"{file}: {error.strerror}"
    return "" if head in {b"", _HEAD} else f"{file} is no database"
