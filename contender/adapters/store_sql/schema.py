"""The tables of the store, in what SQLite and PostgreSQL have in common."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, SmallInteger, String, Table, Text, text

from contender.adapters.store_sql.contributions import FRACTIONS, CountKey, Counts, SumKey, Sums, Traits, UnitRow

METADATA: Final = MetaData()


def _number(default: float | str) -> BigInteger | Float[float] | Text:
    if isinstance(default, str):
        return Text()
    return BigInteger() if isinstance(default, int) else Float(53)


class Settled(IntEnum):
    """How far an outcome has come."""

    PENDING = 0
    """Not judged yet, or its exposure is not known yet."""
    JUDGED = 1
    """Its reward is computed; it counts if no earlier outcome of the same prediction does."""
    REFUSED = 2
    """The task does not know its value, or its time cannot be that of what followed the answer."""


IS_REVIEW: Final = text("label = 'Review_Required'")
"""The fallback's label, as a constant: a partial index is of no use to a query with a parameter."""

VERSIONS: Final = Table(
    "contender_version",  # not alembic's usual name, so that another program's tables are never taken for ours
    METADATA,
    Column("version_num", String(32), primary_key=True),
)

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
    Column("counted", SmallInteger, nullable=False, server_default=text("1")),
    Column("received_at", Float(53), nullable=False, server_default=text("0")),
    Index("exposures_by_time", "task", "at"),
    Index("exposures_reviewed", "task", "at", sqlite_where=IS_REVIEW, postgresql_where=IS_REVIEW),
    Index("exposures_of_unit", "task", "unit_id", "at"),
)

UNCOUNTED: Final = Table(
    "uncounted",
    METADATA,
    Column("experiment_id", Text, primary_key=True),
    Column("received_at", Float(53), primary_key=True),
    Column("prediction_id", Text, primary_key=True),
    Column("groups", Text),
    sqlite_with_rowid=False,
)
"""Exposures that the running totals do not hold yet, and the unit's protected attributes (JSON) until they do.

In order of arrival: what had arrived when a unit's value became final is counted before what came later. A queue and
not a watermark: of two transactions the one that began first may become visible last.
"""

COVARIATES: Final = Table(
    "covariates",
    METADATA,
    Column("prediction_id", Text, primary_key=True),
    Column("task", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("score", Float(53), nullable=False),
    Column("received_at", Float(53), nullable=False, server_default=text("0")),
    sqlite_with_rowid=False,
)
"""What the baseline model says of the rows behind exposures."""

IS_PENDING: Final = text("settled = 0")
IS_PARKED: Final = text("settled = 0 AND due > 0")

OUTCOMES: Final = Table(
    "outcomes",
    METADATA,
    Column("task", Text, primary_key=True),
    Column("prediction_id", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("value", Text, nullable=False),  # JSON: a text, an integer or a float comes back as what it was
    Column("at", Float(53), nullable=False),
    Column("received_at", Float(53), nullable=False, server_default=text("0")),
    Column("settled", SmallInteger, nullable=False, server_default=text("0")),
    Column("due", Float(53), nullable=False, server_default=text("0")),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    Index("outcomes_pending", "task", "due", "at", "event_id", sqlite_where=IS_PENDING, postgresql_where=IS_PENDING),
    Index("outcomes_parked", "prediction_id", sqlite_where=IS_PARKED, postgresql_where=IS_PARKED),
)
"""What became of predictions. One whose exposure is not known is parked: looked at again when the exposure comes, and
when it is `due` (seconds since the epoch), after twice as long with each of its `tries`.
"""

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
    Index("rewards_by_time", "task", "outcome_at"),
)
"""What each answer earned by the truth, as soon as that is known: for the health of models, not for experiments."""

GROUPS: Final = Table(
    "unit_groups",  # protected attributes have a table of their own, to be granted and forgotten apart
    METADATA,
    Column("experiment_id", Text, primary_key=True),
    Column("unit_id", Text, primary_key=True),
    Column("attribute", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

IS_DUE: Final = text("due_at IS NOT NULL")

UNITS: Final = Table(
    "units",
    METADATA,
    Column("experiment_id", Text, primary_key=True),
    Column("unit_id", Text, primary_key=True),
    *(Column(name, _number(default), nullable=False) for name, default in UnitRow._field_defaults.items()),
    Column("due_at", Float(53)),
    Column("stage", SmallInteger, nullable=False, server_default=text("0")),
    Index("units_due", "experiment_id", "due_at", sqlite_where=IS_DUE, postgresql_where=IS_DUE),
    sqlite_with_rowid=False,
)
"""One row for a unit: `contributions.UnitRow`, and when the next of its values becomes final.

`stage` counts the windows of the plan's metrics, shortest first, whose values are final; `due_at` (seconds since the
epoch) is NULL when all are.
"""

UNIT_VALUES: Final = Table(
    "unit_values",
    METADATA,
    Column("experiment_id", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("arm", Text, primary_key=True),
    Column("unit_id", Text, primary_key=True),
    Column("value", Float(53)),
    Column("divisor", Float(53), nullable=False),
    Column("reviewed", SmallInteger, nullable=False),
    Column("review_weight", Float(53), nullable=False),
    *(Column(name, Float(53) if name in FRACTIONS else SmallInteger) for name in Traits._fields),
    sqlite_with_rowid=False,
)
"""What units are worth, once and for all: `unit_values.UnitValue` by metric. A value of NULL is missing.

With the value of the primary metric comes what else is known of the unit by then: `contributions.Traits`. The arm is
the unit's, which does not change any more once there is a value. It stands before the unit in the key, so that a
recount reads each arm's values in one piece.
"""

UNIT_FAULTS: Final = Table(
    "unit_faults",
    METADATA,
    Column("experiment_id", Text, primary_key=True),
    Column("unit_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    sqlite_with_rowid=False,
)
"""Units whose records cannot be right, such as two that contradict each other."""

TALLIES: Final = Table(
    "tallies",
    METADATA,
    Column("experiment_id", Text, primary_key=True),
    *(Column(name, Integer if name == "generation" else Text, primary_key=True) for name in CountKey._fields),
    *(Column(name, _number(default), nullable=False) for name, default in Counts._field_defaults.items()),
    sqlite_with_rowid=False,
)
"""How many units there are and what happened to them: `contributions.Counts` by `contributions.CountKey`."""

METRIC_TALLIES: Final = Table(
    "metric_tallies",
    METADATA,
    Column("experiment_id", Text, primary_key=True),
    *(Column(name, Text, primary_key=True) for name in SumKey._fields),
    *(Column(name, _number(default), nullable=False) for name, default in Sums._field_defaults.items()),
    sqlite_with_rowid=False,
)
"""What units whose window has closed add up to: `contributions.Sums` by `contributions.SumKey`."""

SPANS: Final = Table(
    "spans",
    METADATA,
    Column("experiment_id", Text, primary_key=True),
    Column("first_at", Float(53), nullable=False),
    Column("last_at", Float(53), nullable=False),
    Column("replayed", Integer, nullable=False, server_default=text("0")),
    Column("contradictory", Integer, nullable=False, server_default=text("0")),
    Column("late", Integer, nullable=False, server_default=text("0")),
)
"""When an experiment's exposures came, and how many records were not as they should be.

`contradictory` are records from before it was noted whose they are (`UNIT_FAULTS`); nothing is added to them.
"""

INPUTS: Final = Table(
    "inputs",  # what people told of themselves has a table of its own, to be granted and forgotten apart
    METADATA,
    Column("prediction_id", Text, primary_key=True),
    Column("task", Text, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("document", Text, nullable=False),
    Index("inputs_by_time", "task", "at"),
)
"""The rows behind a sampled share of the exposures, as JSON."""

NOTES: Final = Table(
    "notes",
    METADATA,
    Column("task", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("at", Float(53), nullable=False),
    Column("document", Text, nullable=False),
    Index("notes_by_time", "task", "kind", "at"),
)
"""What other parts of the house remember: a JSON document by kind and key."""

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
