"""Looks at a task's running experiment: settles what is known by now, judges, and keeps the look in the store."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from contender.experiment.analysis import RUNNING, from_document, look
from contender.tasks.catalog import task_named
from pipelines import settings
from pipelines.steps.command import main
from pipelines.steps.progress import reported

NOTHING = "nothing runs"


class AnalysisParams(BaseModel):
    """Which records: the store's URL; CONTENDER_STORE_URL if empty."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    store_url: str = ""


@reported("analyse")
def analyse(task: str, records: AnalysisParams, report: Path) -> dict[str, Any]:
    """Write the newest experiment and its verdict into the file `report`; `decision` says which, or that none runs.

    Looking changes nobody's arm: what a verdict leads to is a release's business.

    Raises:
        NotFound: no such task.
        Unavailable: the store does not answer.
    """
    from contender.adapters.store_sql import Store

    question = task_named(task)
    store = Store(settings.store_url(records.store_url), clock=time.time)  # noqa: TID251 - a step is a process of its own
    try:
        store.settle(task, question.reward)
        known = [one for one in store.experiments(task) if one["status"] == RUNNING and one["shares"]]
        verdict = look(store, from_document(known[-1])) if known else None
    finally:
        store.close()
    document: dict[str, Any] = {
        "task": task,
        "experiment": known[-1]["id"] if known else None,
        "decision": verdict.decision if verdict else NOTHING,
        "verdict": verdict.to_document() if verdict else None,
    }
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(document, indent=1) + "\n")
    return document


if __name__ == "__main__":
    main(analyse)
