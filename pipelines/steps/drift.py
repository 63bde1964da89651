"""Drift: the rows, answers and outcomes that a running system recorded, against the champion's training reference."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from contender.moments import DAY_S
from contender.tasks.catalog import task_named
from monitoring.drift.champion import champion_reference, check_champion
from monitoring.drift.check import Span
from pipelines import settings
from pipelines.params import RegistryParams
from pipelines.steps.command import main
from pipelines.steps.files import REPORT, write_document
from pipelines.steps.progress import reported

PAGE: Final = "drift.html"


class DriftParams(BaseModel):
    """Which records: how many seconds back, and of which store; of CONTENDER_STORE_URL where that is empty."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    store_url: str = ""
    rows_s: Annotated[float, Field(gt=0.0)] = DAY_S
    outcomes_s: Annotated[float, Field(gt=0.0)] = 7 * DAY_S


@reported("drift")
def drift(task: str, span: DriftParams, registry: RegistryParams, report: Path) -> dict[str, Any]:
    """Write the verdict, and evidently's page where there are rows, into the folder `report`; keep it in the store.

    Raises:
        NotFound: no champion, or one without a reference.
        Unavailable: store or registry do not answer. Failing to measure is never "no drift".
    """
    from contender.adapters.registry_mlflow import MlflowRegistry
    from contender.adapters.store_sql import Store
    from monitoring.drift.report import write_report

    question, connected = task_named(task), MlflowRegistry(registry.tracking_uri, registry.artifact_root)
    store = Store(settings.store_url(span.store_url), clock=time.time)  # noqa: TID251 - a step is a process of its own
    try:
        reference = champion_reference(question, store, connected, report / "reference")
        until = time.time()  # noqa: TID251 - likewise
        verdict, window = check_champion(question, store, reference, Span(until, span.rows_s, span.outcomes_s))
    finally:
        store.close()
    document = verdict.to_document()
    write_document(report / REPORT, document)
    if window.seen:
        document["evidently"] = write_report(question, reference, window, verdict, report / PAGE)
        write_document(report / REPORT, document)
    return document


if __name__ == "__main__":
    main(drift)
