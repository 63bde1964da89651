"""An address that lies in a file is read again: passwords rotate and stores are restored without a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from contender.adapters.store_sql import Store
from contender.errors import InvalidInput, Unavailable
from contender.values import Exposure

Expose = Callable[..., Exposure]


@pytest.fixture
def secret(tmp_path: Path, fresh_schema: Callable[[], str]) -> tuple[Path, str]:
    """A file with the address of a schema, and the address of its owner."""
    owner = fresh_schema()
    file = tmp_path / "transformer"
    file.write_text(owner + "\n")
    return file, owner


def store_at(file: Path) -> Store:
    return Store(f"file://{file}", clock=lambda: 1_000.0)


def role(owner: str, name: str, password: str) -> str:
    """The address for a new user of the owner's rights."""
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN SUPERUSER PASSWORD '{password}'".encode())
    return make_url(owner).set(username=name, password=password).render_as_string(hide_password=False)


def test_a_changed_user_is_taken_over_by_the_next_transaction(secret: tuple[Path, str], expose: Expose) -> None:
    file, owner = secret
    store = store_at(file)
    store.append([expose("p1")], [])
    file.write_text(role(owner, "rotated_a", "second"))
    store.append([expose("p2")], [])
    with psycopg.connect(owner) as connection:
        users = {
            row[0] for row in connection.execute("SELECT usename FROM pg_stat_activity WHERE usename LIKE 'rotated%'")
        }
        counted = connection.execute("SELECT count(*) FROM exposures").fetchone()
    assert users == {"rotated_a"}
    assert counted == (2,)
    store.close()


def test_a_restored_store_at_another_address_is_written_to_at_once(
    secret: tuple[Path, str], fresh_schema: Callable[[], str], expose: Expose
) -> None:
    """The old one may still be there, and must get no more."""
    file, owner = secret
    other = fresh_schema()
    restored = Store(other, clock=lambda: 1_000.0)
    restored.upgrade()
    restored.close()
    store = store_at(file)
    store.append([expose("p1")], [])
    file.write_text(other)
    store.append([expose("p2")], [])
    for address, name in ((owner, "p1"), (other, "p2")):
        with psycopg.connect(address) as connection:
            assert connection.execute("SELECT prediction_id FROM exposures").fetchall() == [(name,)]
    store.close()


@pytest.mark.parametrize("content", ["", "no address", None])
def test_a_file_that_is_being_replaced_changes_nothing(
    secret: tuple[Path, str], expose: Expose, content: str | None
) -> None:
    file, _ = secret
    store = store_at(file)
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    store.append([expose("p1")], [])
    store.close()


def test_a_password_that_no_longer_holds_is_told_and_the_new_one_taken(
    secret: tuple[Path, str], expose: Expose
) -> None:
    file, owner = secret
    wrong = make_url(owner).set(username="nobody_here").render_as_string(hide_password=False)
    file.write_text(wrong)
    store = store_at(file)
    with pytest.raises(Unavailable):
        store.append([expose("p1")], [])
    file.write_text(owner)
    store.append([expose("p1")], [])
    store.close()


def test_a_file_that_was_never_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nowhere cannot be read") as caught:
        store_at(tmp_path / "nowhere")
    assert "Secret" in str(caught.value.remedy)


def test_a_file_without_an_address_is_refused_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("hunter2")
    with pytest.raises(InvalidInput) as caught:
        store_at(tmp_path / "store")
    assert "hunter2" not in str(caught.value)
