"""Addresses: of files as URLs, and as they may be told to people and logs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote

_USER: Final = re.compile(r"//[^/\s]*@")
_SQLITE: Final = re.compile(r"sqlite(?:\+\w+)?://(?:/(?P<file>[^?]*))?(?P<query>\?.*)?")


def tellable(words: str) -> str:
    """`words` without the user and the password of any URL in them.

    >>> tellable("no answer at https://bob:secret@example.org/a?b")
    'no answer at https://example.org/a?b'
    """
    return _USER.sub("//", words)


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite database, whatever its path is called.

    Where a letter must be quoted the driver is named: MLflow makes the folder of a URL without one, as it is written.

    >>> sqlite_url(Path("/srv/my home/store.db"))
    'sqlite:////srv/my home/store.db'
    >>> sqlite_url(Path("/srv/feature%2Fhr/what?/store.db"))
    'sqlite+pysqlite:////srv/feature%252Fhr/what%3F/store.db'
    """
    path = str(file)
    quoted = path.replace("%", "%25").replace("?", "%3F")
    return f"sqlite:///{path}" if quoted == path else f"sqlite+pysqlite:///{quoted}"


def sqlite_file(url: str) -> Path | None:
    """The file that a SQLite URL names; None for any other URL, and for a database in memory.

    >>> sqlite_file(sqlite_url(Path("/srv/feature%2Fhr/store.db")))
    PosixPath('/srv/feature%2Fhr/store.db')
    >>> sqlite_file("sqlite://"), sqlite_file("postgresql://host/db")
    (None, None)
    """
    found = _SQLITE.fullmatch(url)
    name = unquote(found["file"] or "") if found else ""
    return Path(name) if name and name != ":memory:" else None


def whole_sqlite_url(url: str) -> str:
    """`url`, with the whole path of its file if it is a SQLite URL with a relative one.

    >>> whole_sqlite_url("sqlite:////srv/store.db"), whole_sqlite_url("postgresql://host/db")
    ('sqlite:////srv/store.db', 'postgresql://host/db')
    """
    file, found = sqlite_file(url), _SQLITE.fullmatch(url)
    if file is None or found is None or file.is_absolute() or str(file).startswith("file:"):
        return url
    return f"{sqlite_url(file.absolute())}{found['query'] or ''}"
