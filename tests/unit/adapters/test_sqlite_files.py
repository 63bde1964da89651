"""A file that can be no database is told before anybody waits for it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from contender.adapters.addresses import sqlite_url
from contender.adapters.sqlite_files import trouble
from contender.adapters.store_sql import Store
from contender.errors import Unavailable


def test_a_database_and_what_can_become_one_are_fine(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with closing(sqlite3.connect(tmp_path / "made.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.commit()
    for name in ("empty.db", "made.db", "none.db", "no/folder.db"):
        assert trouble(sqlite_url(tmp_path / name)) == ""


def test_any_other_file_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("this is no database, and longer than a head")
    (tmp_path / "folder.db").mkdir()
    assert trouble(sqlite_url(tmp_path / "notes.db")) == f"{tmp_path}/notes.db is no database"
    assert trouble(sqlite_url(tmp_path / "folder.db")) == f"{tmp_path}/folder.db is no file"


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\x00" + b"\xff" * 4096], ids=["other", "torn"])
def test_a_damaged_store_is_an_error_with_a_remedy(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(content)
    told = pytest.raises(Unavailable, match=r"the store cannot be read: .*restore\.md")
    with closing(Store(sqlite_url(tmp_path / "store.db"), clock=lambda: 0.0)) as store, told:
        store.audit("job-change")
