"""Outcomes of unknown predictions are parked, so that no look reads all of them; reviews get an index."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"

_PENDING = sa.text("settled = 0")
_REVIEWED = sa.text("label = 'Review_Required'")
_PARKED = sa.text("settled = 0 AND due > 0")


def upgrade() -> None:
    """From the tables in which every outcome without an exposure was looked for at every look."""
    op.add_column("outcomes", sa.Column("due", sa.Float(53), nullable=False, server_default=sa.text("0")))
    op.add_column("outcomes", sa.Column("tries", sa.SmallInteger, nullable=False, server_default=sa.text("0")))
    op.drop_index("outcomes_pending", "outcomes")
    for name, columns, where in (
        ("outcomes_pending", ["task", "due", "at", "event_id"], _PENDING),
        ("outcomes_parked", ["prediction_id"], _PARKED),
    ):
        op.create_index(name, "outcomes", columns, sqlite_where=where, postgresql_where=where)
    op.create_index(
        "exposures_reviewed", "exposures", ["task", "at"], sqlite_where=_REVIEWED, postgresql_where=_REVIEWED
    )
