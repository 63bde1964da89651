"""A database that is not there, says nothing, or has no address: told in seconds, not in minutes, and no secret."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable

import psycopg
import pytest

from contender.adapters.store_sql import Store, patience
from contender.adapters.store_sql.listing import Sought
from contender.adapters.store_sql.totals import lock
from contender.errors import InvalidInput, Unavailable
from contender.values import Exposure


def test_a_server_that_never_answers_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        store = Store(f"postgresql://contender@127.0.0.1:{mute.getsockname()[1]}/contender", clock=lambda: 0.0)
        with pytest.raises(Unavailable, match="does not answer"):
            store.audit("job-change")
        store.close()


def test_an_address_may_ask_for_more_patience_and_a_connection_watches_its_peer(
    fresh_schema: Callable[[], str],
) -> None:
    store = Store(fresh_schema() + "&keepalives_idle=77", clock=lambda: 0.0)
    with store._reading() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        stated = driver.info.get_parameters()
    store.close()
    assert (stated["keepalives_idle"], stated["tcp_user_timeout"]) == ("77", "20000")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "postgres//bob:hunter2@h/x",
        "nosuch://bob:hunter2@h/x",
        "mysql://bob:hunter2@h/x",
        "postgresql://b:hunter2@h:p/x",
    ],
)
def test_what_is_no_address_is_named_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidInput, match="CONTENDER_STORE_URL") as caught:
        Store(url, clock=lambda: 0.0)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits, a hundredth of them."""
    monkeypatch.setattr(patience, "_LIMIT_LOCKS", "SELECT set_config('lock_timeout', '100', false)")
    monkeypatch.setattr(patience, "STATEMENT_MS", 300)
    monkeypatch.setattr(patience, "ANSWER_S", 0.6)


def test_a_connection_waits_for_locks_as_long_as_we_say_or_the_address_does(fresh_schema: Callable[[], str]) -> None:
    url = fresh_schema()
    assert [lock_timeout(url), lock_timeout(url.replace("options=", "options=-clock_timeout%3D7s%20"))] == ["10s", "7s"]


def lock_timeout(url: str) -> object:
    store = Store(url, clock=lambda: 0.0)
    with store._reading() as connection:
        found = connection.exec_driver_sql("SHOW lock_timeout").scalar()
    store.close()
    return found


@pytest.mark.usefixtures("hurried")
def test_a_lock_that_another_session_holds_is_waited_for_with_a_limit(
    fresh_schema: Callable[[], str], expose: Callable[..., Exposure]
) -> None:
    url = fresh_schema()
    store = Store(url, clock=lambda: 0.0)
    store.append([expose("p1")], [])
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE exposures")
        with pytest.raises(Unavailable, match="lock timeout"):
            store.append([expose("p2")], [])
        with pytest.raises(Unavailable, match="lock timeout"):
            store.page("job-change", Sought(), limit=1)
    store.append([expose("p2")], [])
    assert len(store.page("job-change", Sought(), limit=9)) == 2
    store.close()


@pytest.mark.usefixtures("hurried")
def test_an_advisory_lock_is_waited_for_with_a_limit(fresh_schema: Callable[[], str]) -> None:
    url = fresh_schema()
    store, rival = Store(url, clock=lambda: 0.0), Store(url, clock=lambda: 0.0)
    assert rival.settle("job-change", judge) == 0
    with store._writing() as connection:
        lock(connection, ["settle job-change"])
        with pytest.raises(Unavailable, match="lock timeout"):
            rival.settle("job-change", judge)
    assert rival.settle("job-change", judge) == 0
    store.close()
    rival.close()


def judge(_prediction: object, _outcome: object) -> float:
    return 1.0


@pytest.mark.usefixtures("hurried")
def test_a_statement_that_is_awaited_has_a_limit_and_one_of_an_analysis_has_none(
    fresh_schema: Callable[[], str],
) -> None:
    store = Store(fresh_schema(), clock=lambda: 0.0)
    with store._reading() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(0.8)")
    with pytest.raises(Unavailable, match="statement timeout"), store._reading(awaited=True) as connection:
        connection.exec_driver_sql("SELECT pg_sleep(30)")
    store.close()


@pytest.mark.usefixtures("hurried")
def test_a_server_that_was_stopped_is_given_up_and_used_again_once_it_goes_on(
    fresh_schema: Callable[[], str], expose: Callable[..., Exposure]
) -> None:
    store = Store(fresh_schema(), clock=lambda: 0.0)
    with store._reading() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        backend = driver.info.backend_pid
    os.kill(backend, signal.SIGSTOP)
    try:
        # The pool asks the stopped one whether it lives, gives it up, and takes another that answers.
        store.append([expose("p1")], [])
    finally:
        os.kill(backend, signal.SIGCONT)
    assert len(store.page("job-change", Sought(), limit=9)) == 1
    store.close()


@pytest.mark.usefixtures("hurried")
def test_a_server_that_stops_in_the_middle_is_unavailable(fresh_schema: Callable[[], str]) -> None:
    store = Store(fresh_schema(), clock=lambda: 0.0)
    with pytest.raises(Unavailable, match="says nothing"):
        ask_one_that_stops(store)
    store.close()


def ask_one_that_stops(store: Store) -> None:
    with store._writing(awaited=True) as connection:
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        assert isinstance(backend, int)
        os.kill(backend, signal.SIGSTOP)
        try:
            connection.exec_driver_sql("SELECT 1")
        finally:
            os.kill(backend, signal.SIGCONT)


@pytest.mark.parametrize(
    "call",
    [
        lambda store, expose: store.append([expose("p2")], []),
        lambda store, _expose: store.page("job-change", Sought(), limit=1),
        lambda store, _expose: store.settle("job-change", judge),
    ],
    ids=["append", "page", "settle"],
)
def test_what_a_server_calls_has_limited_statements(
    fresh_schema: Callable[[], str],
    expose: Callable[..., Exposure],
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[Store, Callable[..., Exposure]], object],
) -> None:
    monkeypatch.setattr(patience, "STATEMENT_MS", 200)
    url = fresh_schema().replace("options=", "options=-clock_timeout%3D60s%20")
    store = Store(url, clock=lambda: 0.0)
    store.append([expose("p1")], [])
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE exposures, outcomes")
        with pytest.raises(Unavailable, match="statement timeout"):
            call(store, expose)
    store.close()
