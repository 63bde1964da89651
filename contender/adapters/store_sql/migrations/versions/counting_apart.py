"""Exposures are counted apart from being kept; inputs, covariates and notes get tables; the store gets a version."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = None


def upgrade() -> None:
    """From the tables as they were before versions were kept."""
    _queues()
    _records()
    op.execute(
        "INSERT INTO covariates (prediction_id, task, label, score) "
        "SELECT prediction_id, task, baseline_label, baseline_score FROM exposures "
        "WHERE baseline_label IS NOT NULL AND baseline_score IS NOT NULL"
    )
    op.drop_index("exposures_by_unit", "exposures")
    op.drop_column("exposures", "baseline_label")
    op.drop_column("exposures", "baseline_score")
    op.create_index("exposures_of_unit", "exposures", ["task", "unit_id", "at"])
    op.drop_index("rewards_by_unit", "rewards")
    op.create_index("rewards_by_time", "rewards", ["task", "outcome_at"])


def _queues() -> None:
    op.create_table(
        "uncounted",
        sa.Column("experiment_id", sa.Text, primary_key=True),
        sa.Column("prediction_id", sa.Text, primary_key=True),
        sa.Column("groups", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "revisits",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("prediction_id", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )


def _records() -> None:
    op.create_table(
        "covariates",
        sa.Column("prediction_id", sa.Text, primary_key=True),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("score", sa.Float(53), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inputs",
        sa.Column("prediction_id", sa.Text, primary_key=True),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("inputs_by_time", "inputs", ["task", "at"])
    op.create_table(
        "notes",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("notes_by_time", "notes", ["task", "kind", "at"])
