"""A unit is in one arm and valued once, when its window has closed; outcomes have a metric; exposures may not count."""

import json
import math

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"

_PENDING = sa.text("settled = 0")
_PARKED = sa.text("settled = 0 AND due > 0")
_DUE = sa.text("due_at IS NOT NULL")
_SHARE = 0.001
"""The part of the exposures that might contradict others where a plan did not say."""
_REPLACED = ("units", "tallies", "revisits")


def upgrade() -> None:
    """From the tables in which units changed with every record, and counted once an arm and generation."""
    _exposures()
    _outcomes()
    _contradictions()
    for table in _REPLACED:
        op.drop_table(table)
    op.rename_table("uncounted", "uncounted_before")
    op.drop_column("rewards", "baseline_reward")
    _units()
    _tallies()
    # The groups of units that nobody has counted yet are known to the queue alone.
    op.execute(
        "INSERT INTO uncounted (experiment_id, received_at, prediction_id, groups) "
        "SELECT e.experiment_id, e.received_at, e.prediction_id, b.groups FROM exposures e "
        "LEFT JOIN uncounted_before b ON b.experiment_id = e.experiment_id AND b.prediction_id = e.prediction_id "
        "WHERE e.experiment_id IS NOT NULL AND e.unit_id IS NOT NULL AND e.assigned_to NOT IN ('unassigned', 'shadow')"
    )
    op.drop_table("uncounted_before")


def _exposures() -> None:
    op.add_column("exposures", sa.Column("counted", sa.SmallInteger, nullable=False, server_default=sa.text("1")))
    op.add_column("exposures", sa.Column("received_at", sa.Float(53), nullable=False, server_default=sa.text("0")))
    op.execute("UPDATE exposures SET received_at = at")
    op.add_column("covariates", sa.Column("received_at", sa.Float(53), nullable=False, server_default=sa.text("0")))


def _outcomes() -> None:
    """The key changes: a new table takes the rows of the old one."""
    op.create_table(
        "outcomes_next",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("prediction_id", sa.Text, primary_key=True),
        sa.Column("metric", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("received_at", sa.Float(53), nullable=False, server_default=sa.text("0")),
        sa.Column("settled", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("due", sa.Float(53), nullable=False, server_default=sa.text("0")),
        sa.Column("tries", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
    )
    names = "task, prediction_id, metric, event_id, value, at, received_at, settled, due, tries"
    op.execute(
        f"INSERT INTO outcomes_next ({names}) SELECT task, prediction_id, 'reward', event_id, value, at, at, settled, "  # noqa: S608 - names of ours
        "due, tries FROM outcomes"
    )
    op.drop_table("outcomes")
    op.rename_table("outcomes_next", "outcomes")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE outcomes RENAME CONSTRAINT outcomes_next_pkey TO outcomes_pkey")
    for name, columns, where in (
        ("outcomes_pending", ["task", "due", "at", "event_id"], _PENDING),
        ("outcomes_parked", ["prediction_id"], _PARKED),
    ):
        op.create_index(name, "outcomes", columns, sqlite_where=where, postgresql_where=where)


def _contradictions() -> None:
    """Contradictory records were counted, and not whose they were: the number stays where it held the experiment.

    Elsewhere it would hold experiments that were not held: units are fewer than records, and so is what is allowed.
    """
    rows = op.get_bind().execute(
        sa.text(
            "SELECT s.experiment_id, s.contradictory, x.document, COUNT(e.prediction_id) FROM spans s "
            "LEFT JOIN experiments x ON x.id = s.experiment_id "
            "LEFT JOIN exposures e ON e.experiment_id = s.experiment_id AND e.unit_id IS NOT NULL "
            "AND e.assigned_to NOT IN ('unassigned', 'shadow') "
            "WHERE s.contradictory > 0 GROUP BY s.experiment_id, s.contradictory, x.document"
        )
    )
    for experiment_id, contradictory, document, exposures in rows.fetchall():
        plan = json.loads(str(document))["plan"] if document else {}
        if contradictory <= math.floor(plan.get("max_contradictory_share", _SHARE) * exposures):
            op.execute(
                sa.text("UPDATE spans SET contradictory = 0 WHERE experiment_id = :id").bindparams(id=experiment_id)
            )


def _key(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=True) for name in names]


def _counts(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float(53), nullable=False) for name in names]


def _units() -> None:
    op.create_table(
        "uncounted",
        *_key("experiment_id"),
        sa.Column("received_at", sa.Float(53), primary_key=True),
        *_key("prediction_id"),
        sa.Column("groups", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "units",
        *_key("experiment_id", "unit_id"),
        sa.Column("arm", sa.Text, nullable=False),
        *_counts("generation"),
        *_numbers("first_at"),
        sa.Column("first_id", sa.Text, nullable=False),
        *_counts("first_review", "selected", "exposures", "fallbacks", "reviews", "errors", "slow", "crossed"),
        sa.Column("due_at", sa.Float(53)),
        sa.Column("stage", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
        sqlite_with_rowid=False,
    )
    op.create_index("units_due", "units", ["experiment_id", "due_at"], sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_table(
        "unit_values",
        *_key("experiment_id", "metric", "arm", "unit_id"),
        sa.Column("value", sa.Float(53)),
        *_numbers("divisor"),
        sa.Column("reviewed", sa.SmallInteger, nullable=False),
        *_numbers("review_weight"),
        *(sa.Column(name, sa.SmallInteger) for name in ("fold", "bin", "latency", "shadow_latency")),
        *(sa.Column(name, sa.Float(53)) for name in ("agreement", "confidence", "reward", "shadow_reward")),
        sqlite_with_rowid=False,
    )
    op.create_table("unit_faults", *_key("experiment_id", "unit_id", "kind"), sqlite_with_rowid=False)


def _tallies() -> None:
    happened = ("fallback_units", "review_units", "error_units", "slow_units", "selected_units", "crossed_units")
    op.create_table(
        "tallies",
        *_key("experiment_id", "cell"),
        sa.Column("generation", sa.Integer, primary_key=True),
        *_key("arm"),
        *_counts("units", "exposures", "fallbacks", "reviews", *happened),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "metric_tallies",
        *_key("experiment_id", "metric", "cell", "arm"),
        *_counts("matured", "reviewed", "n"),
        *_numbers("total", "squares", "divisor", "divisor_squares", "products", "review_weight"),
        sqlite_with_rowid=False,
    )
