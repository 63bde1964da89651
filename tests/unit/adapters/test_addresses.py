"""Paths as URLs and back, whatever a folder is called."""

from __future__ import annotations

import doctest
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from contender.adapters import addresses, artifact_places, process_environment, sqlite_files
from contender.adapters.addresses import sqlite_file, sqlite_url, whole_sqlite_url

ODD = "a b %2F%20?#ü'\"&+;=@:[1]%"


@pytest.mark.parametrize("module", [addresses, artifact_places, process_environment, sqlite_files])
def test_examples_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1))
def test_a_file_is_the_same_to_us_and_to_the_database(name: str) -> None:
    file = Path("/srv") / f"x{name}" / "store.db"
    url = sqlite_url(file)
    assert sqlite_file(url) == file
    assert make_url(url).database == str(file)
    assert whole_sqlite_url(url) == url


def test_a_database_is_made_where_its_path_says_and_nowhere_else(tmp_path: Path) -> None:
    from contender.adapters.store_sql import Store

    home = tmp_path / ODD
    store = Store(sqlite_url(home / "store.db"), clock=lambda: 0.0)
    store.upgrade()
    store.close()
    assert [one.name for one in tmp_path.iterdir()] == [ODD]
    with closing(sqlite3.connect(home / "store.db")) as connection:
        assert connection.execute("SELECT count(*) FROM exposures").fetchone() == (0,)


def test_a_relative_file_is_given_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert whole_sqlite_url("sqlite:///kept/store.db") == f"sqlite:///{tmp_path}/kept/store.db"
    assert whole_sqlite_url("sqlite+pysqlite:///a.db?timeout=3") == f"sqlite:///{tmp_path}/a.db?timeout=3"
    for other in ("sqlite://", "sqlite:///:memory:", "postgresql://host/db", "sqlite:///file:a.db?uri=true"):
        assert whole_sqlite_url(other) == other
