"""A database that is not there, says nothing, or has no address: told in seconds, not in minutes, and no secret."""

from __future__ import annotations

import socket
from collections.abc import Callable

import psycopg
import pytest

from contender.adapters.store_sql import Store
from contender.errors import InvalidInput, Unavailable


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
