"""The store: exposures, outcomes, experiments, releases and the audit trail, in SQLite or PostgreSQL."""

from contender.adapters.store_sql.experiments import RUNNING, ExperimentRecords
from contender.adapters.store_sql.exposures import ExposureRecords
from contender.adapters.store_sql.listing import PredictionRecords
from contender.adapters.store_sql.releases import ReleaseRecords
from contender.adapters.store_sql.settling import Judge

__all__ = ["RUNNING", "Judge", "Store"]


class Store(ExposureRecords, PredictionRecords, ExperimentRecords, ReleaseRecords):
    """Everything that Contender keeps, in the database at `url`, such as ``sqlite:////var/contender/store.db``.

    Creating one connects to nothing: the first call does, and creates what tables are missing. Every call raises
    `Unavailable` when the database does not answer. `clock` gives seconds since the epoch.
    """
