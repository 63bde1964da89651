"""Who may do what with the store in PostgreSQL: a user for each part of the house, with no more than it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import URL, Connection, exc, make_url

from contender.adapters.store_sql.releases import ReleaseRecords
from contender.adapters.store_sql.schema import (
    AUDIT,
    COVARIATES,
    EXPOSURES,
    INPUTS,
    METADATA,
    OUTCOMES,
    RELEASES,
    SPANS,
    UNCOUNTED,
    UNIT_FAULTS,
    VERSIONS,
)
from contender.errors import InvalidInput, Refused

Rights = Mapping[str, str]
"""What may be done, as PostgreSQL names it, by table."""

_ALL: Final = frozenset(METADATA.tables)
_READ: Final = "SELECT"
_WRITE: Final = "SELECT, INSERT, UPDATE, DELETE"
_READ_ONLY: Final = {VERSIONS.name: _READ}


def _everywhere(rights: str, **other: str) -> Rights:
    return dict.fromkeys(_ALL, rights) | _READ_ONLY | {table: right for table, right in other.items() if right}


PARTS: Final[Mapping[str, Rights]] = MappingProxyType(
    {
        # It looks up what it kept, to tell a repetition from a contradiction; what people told of themselves, never.
        "transformer": _READ_ONLY
        | {EXPOSURES.name: "SELECT, INSERT", OUTCOMES.name: "SELECT, INSERT, UPDATE (due, tries)"}
        | {table.name: "INSERT" for table in (COVARIATES, INPUTS, UNCOUNTED, UNIT_FAULTS)}
        | {SPANS.name: "SELECT, INSERT, UPDATE"},
        # Records of the audit are appended, and pruned as far as the table's trigger lets them.
        "release": _everywhere(_WRITE, **{AUDIT.name: "SELECT, INSERT, DELETE"}),
        "exporter": dict.fromkeys(_ALL - {INPUTS.name}, _READ) | _READ_ONLY,
        "pipelines": _everywhere(_WRITE, **{AUDIT.name: _READ, RELEASES.name: _READ}),
    }
)
"""The rights of each part: what takes records in, what releases, what exports figures, what analyses and watches."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A part's user as it is now; `owner` where the part uses the owner's own user, who needs no grant.

    `part` is named as it was given: `release`, or `job-role/release` for the user of one task.
    """

    part: str
    user: str
    owner: bool


class Users(ReleaseRecords):
    """The users of the store at `url`, whose own user owns the tables and may create others."""

    def grant(self, urls: Mapping[str, str]) -> list[Granted]:
        """Make the user in each URL, with its password and exactly the rights of its part; all of them or none.

        `urls` are those that the parts connect with, by a name in `PARTS`, after the name of its task and a slash where
        a task has a user of its own. May be repeated: a changed password is taken over, rights beyond the part's are
        taken away. Passwords are sent as SCRAM verifiers, so that no log has them.

        Raises:
            InvalidInput: there is no such part, its URL names no user or no password, or two of them name one user with
                different parts or passwords.
            Refused: the store is no PostgreSQL.
            Unavailable: the database does not answer.
        """
        users = {name: _user_of(name, address) for name, address in urls.items()}
        _check_different(users)
        if self._engine.dialect.name != "postgresql":
            raise Refused("only PostgreSQL has users: a file's are those of its folder")
        with self._writing() as connection:
            try:
                return list(_granted(connection, users))
            except exc.ProgrammingError as error:
                raise Refused(f"the users were not made: {str(error.orig).splitlines()[0]}") from None


def _part_of(name: str) -> str:
    return name.rpartition("/")[2]


def _check_different(users: Mapping[str, URL]) -> None:
    """A user has one part and one password: given two of either, whoever came last would take the other's away."""
    seen: dict[str, tuple[str, tuple[str, str]]] = {}
    for name, url in users.items():
        told = (_part_of(name), str(url.password))
        before, other = seen.setdefault(str(url.username), (name, told))
        if other != told:
            raise InvalidInput(name, f"holds the user of {before}, with another part or password")


def _user_of(part: str, address: str) -> URL:
    if _part_of(part) not in PARTS:
        raise InvalidInput(part, "is no part of the house", remedy=f"name files {', '.join(PARTS)}")
    try:
        url = make_url(address.strip())
    except exc.ArgumentError:
        raise InvalidInput(part, "holds no URL of a database") from None  # the words of its own quote the URL
    if not url.username or not url.password:
        raise InvalidInput(part, "holds a URL without a user or a password")
    return url


def _granted(connection: Connection, users: Mapping[str, URL]) -> Iterator[Granted]:
    owner = connection.exec_driver_sql("SELECT current_user").scalar()
    quoted = connection.dialect.identifier_preparer.quote_identifier
    schema = quoted(str(connection.exec_driver_sql("SELECT current_schema()").scalar()))
    others = {part: url for part, url in users.items() if url.username != owner}
    for url in others.values():
        _make(connection, url)
        connection.exec_driver_sql(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {quoted(str(url.username))}")
    for part, url in users.items():
        yield Granted(part, str(url.username), owner=part not in others)
        for statement in _statements(part, schema) if part in others else ():
            connection.exec_driver_sql(f"{statement} TO {quoted(str(url.username))}")


def _statements(part: str, schema: str) -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA {schema}"
    for table, rights in sorted(PARTS[_part_of(part)].items()):
        yield f'GRANT {rights} ON {schema}."{table}"'


def _make(connection: Connection, url: URL) -> None:
    name, password = str(url.username), str(url.password)
    quoted = connection.dialect.identifier_preparer.quote_identifier(name)
    if not connection.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).scalar():
        connection.exec_driver_sql(f"CREATE ROLE {quoted}")
    driver: Any = connection.connection.driver_connection
    verifier = driver.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    connection.exec_driver_sql(f"ALTER ROLE {quoted} LOGIN PASSWORD '{verifier}'")
