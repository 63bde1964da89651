"""The store: exposures, outcomes, experiments, releases and the audit trail, in SQLite or PostgreSQL."""

from contender.adapters.store_sql.backlog import BacklogRecords
from contender.adapters.store_sql.experiments import RUNNING, ExperimentRecords
from contender.adapters.store_sql.exposures import ExposureRecords
from contender.adapters.store_sql.inputs import Input, InputRecords, Rewarded
from contender.adapters.store_sql.listing import PredictionRecords
from contender.adapters.store_sql.notes import Note, NoteRecords
from contender.adapters.store_sql.releases import ReleaseRecords
from contender.adapters.store_sql.scoring import ScoringRecords
from contender.adapters.store_sql.versions import Versions
from contender.adapters.store_sql.withdrawing import Span, WithdrawalRecords, Withdrawn
from contender.experiment.unit_values import Judge

__all__ = ["RUNNING", "Input", "Judge", "Note", "Rewarded", "Span", "Store", "Versions", "Withdrawn"]


class Store(
    ExposureRecords,
    PredictionRecords,
    InputRecords,
    NoteRecords,
    BacklogRecords,
    ExperimentRecords,
    ScoringRecords,
    ReleaseRecords,
    WithdrawalRecords,
):
    """Everything that Contender keeps, in the database at `url`, such as ``sqlite:////var/contender/store.db``.

    Creating one connects to nothing: the first call does, and makes the tables of an empty database. Every call raises
    `Unavailable` when the database does not answer, or has tables of another version (see `upgrade`). `clock` gives
    seconds since the epoch.
    """
