"""What `contender cluster doctor --inside` sees of a real PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from cli.cluster_doctor.finding import Finding, State
from cli.cluster_doctor.inside import inside, judged
from cli.settings import Settings
from contender.adapters.store_sql import Store
from contender.adapters.store_sql.inspection import DatabaseSeen, Inspection
from contender.adapters.store_sql.users import Users
from contender.errors import Unavailable

WORD = "hunter2"


def seen(url: str) -> DatabaseSeen:
    store = Inspection(url, clock=time.time)
    try:
        return store.seen()
    finally:
        store.close()


def states(found: DatabaseSeen, now: float) -> dict[str, State]:
    return {one.name: one.state for one in judged(found, now)}


def remedy(found: DatabaseSeen, now: float, name: str) -> Finding:
    return next(one for one in judged(found, now) if one.name == name)


@pytest.fixture
def released(fresh_schema: Callable[[], str]) -> tuple[str, str]:
    """The URLs of the owner and of the release's user, as the job database-upgrade leaves them."""
    owner = fresh_schema()
    url = make_url(owner).set(username="doctor_release", password=WORD)
    release = url.render_as_string(hide_password=False)
    store = Store(owner, clock=time.time)
    store.upgrade()
    store.close()
    users = Users(owner, clock=time.time)
    users.grant({"release": release})
    users.close()
    return owner, release


def test_the_release_user_of_an_installed_store_is_fit(released: tuple[str, str]) -> None:
    found = seen(released[1])
    assert set(states(found, time.time()).values()) == {State.OK}
    assert "UPDATE" not in found.rights["audit"]


def test_an_address_in_a_file_is_followed_to_its_postgresql(released: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "release").write_text(released[1])
    settings = Settings(home=tmp_path, store_url=f"file://{tmp_path}/release")
    assert next(one for one in inside(settings, time.time) if one.name == "store").state == State.OK


def test_a_file_of_sqlite_is_no_store_of_a_cluster(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, store_url=f"sqlite:///{tmp_path}/store.db")
    found = next(one for one in inside(settings, time.time) if one.name == "store")
    assert (found.state, found.found) == (State.FAILED, "is no PostgreSQL")


def test_the_owner_may_rewrite_the_audit_and_is_warned_of(released: tuple[str, str]) -> None:
    found = remedy(seen(released[0]), time.time(), "store: rights")
    assert (found.state, "<task>-store" in found.remedy) == (State.WARNING, True)


def test_an_empty_database_lacks_the_tables_and_none_are_made(fresh_schema: Callable[[], str]) -> None:
    url = fresh_schema()
    found = seen(url)
    assert found.rights == {}
    assert "database-upgrade" in remedy(found, time.time(), "store: rights").remedy
    assert seen(url).rights == {}


def test_tables_of_mlflow_beside_the_store_are_a_fault(released: tuple[str, str]) -> None:
    schema = "".join(make_url(released[0]).query["options"]).rpartition("=")[2]
    with psycopg.connect(released[0], autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {schema}.registered_models (name text)".encode())
    found = remedy(seen(released[1]), time.time(), "store: database")
    assert (found.state, "a database of its own" in found.remedy) == (State.FAILED, True)


def test_a_clock_apart_and_an_old_server_are_faults(released: tuple[str, str]) -> None:
    found = seen(released[1])
    assert states(found, found.now + 60)["store: clock"] == State.FAILED
    assert states(replace(found, server="13.4"), found.now)["store"] == State.FAILED


def test_a_wrong_password_is_told_without_it(released: tuple[str, str]) -> None:
    url = make_url(released[1]).set(username="nobody", password=WORD).render_as_string(hide_password=False)
    with pytest.raises(Unavailable) as caught:
        seen(url)
    assert WORD not in str(caught.value)
