"""The tables of the store, in what SQLite and PostgreSQL have in common."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from sqlalchemy import Column, Float, Index, Integer, MetaData, SmallInteger, Table, Text, text

METADATA: Final = MetaData()


class Settled(IntEnum):
    """How far an outcome has come."""

    PENDING = 0
    """Not judged yet, or its exposure is not known yet."""
    JUDGED = 1
    """Its reward is computed; it counts if no earlier outcome of the same prediction does."""
    REFUSED = 2
    """The task does not know its value."""


EXPOSURES: Final = Table(
    "exposures",
    METADATA,
    Column("prediction_id", Text, primary_key=True),
    Column("task", Text, nullable=False),
    Column("experiment_id", Text),
    Column("generation", Integer, nullable=False),
    Column("unit_id", Text),
    Column("assigned_to", Text, nullable=False),
    Column("served_by", Text, nullable=False),
    Column("model_version", Text),
    Column("label", Text, nullable=False),
    Column("score", Float(53)),
    Column("confidence", Float(53)),
    Column("fallback_reason", Text),
    Column("latency_ms", Float(53), nullable=False),
    Column("at", Float(53), nullable=False),
    Column("source", Text, nullable=False),
    # Holds every column that the analysis reads, in the order it groups by: it never touches the table.
    Index(
        "exposures_by_unit",
        "experiment_id",
        "unit_id",
        "assigned_to",
        "generation",
        "served_by",
        "label",
    ),
    Index("exposures_by_time", "task", "at"),
)

OUTCOMES: Final = Table(
    "outcomes",
    METADATA,
    Column("event_id", Text, primary_key=True),
    Column("prediction_id", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("value", Text, nullable=False),  # JSON: a text, an integer or a float comes back as what it was
    Column("at", Float(53), nullable=False),
    Column("settled", SmallInteger, nullable=False, server_default=text("0")),
    Index(
        "outcomes_pending",
        "task",
        "at",
        "event_id",
        sqlite_where=text("settled = 0"),
        postgresql_where=text("settled = 0"),
    ),
)

REWARDS: Final = Table(
    "rewards",
    METADATA,
    Column("prediction_id", Text, primary_key=True),
    Column("task", Text, nullable=False),
    Column("experiment_id", Text),
    Column("generation", Integer, nullable=False),
    Column("unit_id", Text),
    Column("assigned_to", Text, nullable=False),
    Column("reward", Float(53), nullable=False),
    Column("event_id", Text, nullable=False),
    Column("outcome_at", Float(53), nullable=False),
    Index("rewards_by_unit", "experiment_id", "unit_id", "assigned_to", "generation", "reward"),
)

EXPERIMENTS: Final = Table(
    "experiments",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("task", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("saved_at", Float(53), nullable=False),
    Column("document", Text, nullable=False),
    Index("experiments_by_task", "task", "saved_at"),
)

LOOKS: Final = Table(
    "looks",
    METADATA,
    Column("experiment_id", Text, primary_key=True),
    Column("look", Integer, primary_key=True, autoincrement=False),
    Column("at", Float(53), nullable=False),
    Column("verdict", Text, nullable=False),
)

RELEASES: Final = Table(
    "releases",
    METADATA,
    Column("task", Text, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("document", Text, nullable=False),
)

AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("task", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("record", Text, nullable=False),
)
