"""Rows named by a list. PostgreSQL gets it as one parameter: it reads and plans a thousand of them slower than it finds
the rows. SQLite takes them one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, any_, bindparam, column, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, JSON


def among(connection: Connection, names: ColumnElement[Any], wanted: Sequence[str]) -> ColumnElement[bool]:
    """Whether the column `names`, of texts, holds one of `wanted`."""
    if connection.dialect.name == "postgresql":
        return names == any_(bindparam(None, list(wanted), type_=ARRAY(Text())))
    return names.in_(wanted)


def key_among(
    connection: Connection, names: Sequence[ColumnElement[Any]], wanted: Sequence[tuple[str, ...]]
) -> ColumnElement[bool]:
    """Whether the columns `names`, of texts, hold together one of the keys `wanted`.

    SQLite uses no index for it: name one of the columns with `among` beside.
    """
    if connection.dialect.name != "postgresql":
        return tuple_(*names).in_(wanted)
    given = func.json_array_elements(literal(wanted, JSON))
    keys = given.table_valued(column("key", JSON), name="keys").render_derived()
    return tuple_(*names).in_(select(*(keys.c.key[place].as_string() for place in range(len(names)))))
