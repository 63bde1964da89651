"""How long PostgreSQL is waited for. Imported only where one is spoken to, since its driver is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event

LOCK_MS: Final = 10_000
"""How long a transaction waits for another's lock."""

STATEMENT_MS: Final = 15_000
"""What the server may take for one statement that somebody waits for."""

ANSWER_S: Final = 20.0
"""What the client believes of a server that says nothing: longer than the server's own limit, which tells more."""

ANSWER_OF_PEERS: Final = {
    "connect_timeout": "3",  # seconds
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",  # milliseconds
}
"""What PostgreSQL's client takes to believe that nobody is there: else a cable that was cut is waited at for ever. An
address may say otherwise."""

_LIMIT_LOCKS: Final = f"""
SELECT set_config('lock_timeout', '{LOCK_MS}', false) WHERE current_setting('lock_timeout') = '0'
"""

Value = TypeVar("Value")


class Patient(psycopg.Connection[Any]):
    """A connection that gives up on a statement without an answer after `answer_s`, and then on itself; None: never.

    A server that was stopped still holds its end of the line: its kernel answers for it, so no keepalive tells.
    """

    answer_s: float | None = ANSWER_S

    def wait(self, gen: PQGen[Value], interval: float = 0.1, timeout: float | None = None) -> Value:
        """What `gen` gives once the server has answered.

        Raises:
            OperationalError: it has not in time; the connection is closed.
        """
        try:
            return super().wait(gen, interval, self.answer_s if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.close()
            raise psycopg.OperationalError("the server is connected and says nothing") from error


def make_patient(engine: Engine) -> None:
    """Have all connections of `engine`, one to PostgreSQL, know those limits."""
    event.listen(engine, "do_connect", _connect)


@contextmanager
def waited_for(connection: Connection, *, awaited: bool) -> Iterator[None]:
    """A transaction of `connection` whose statements have a limit if it is `awaited`, else all the time they take."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, Patient)  # noqa: S101 - for the type checker: `make_patient` saw to it
    driver.answer_s = ANSWER_S if awaited else None
    try:
        with connection.begin():
            if awaited:
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
            yield
    finally:
        driver.answer_s = ANSWER_S


def _connect(_dialect: object, _record: object, arguments: Any, named: Any) -> Patient:
    made = Patient.connect(*arguments, **named, autocommit=True)
    made.execute(_LIMIT_LOCKS)
    made.autocommit = False
    return made
