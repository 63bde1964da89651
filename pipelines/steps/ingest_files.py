"""Ingest files: what came into the raw folder or bucket, split into good and bad rows, reported and announced."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from contender.errors import ContenderError
from contender.plain_text import visible
from contender.tasks.catalog import task_named
from monitoring.quality.announce import announce, message_of
from monitoring.quality.check import Checked, check_files, terms_for
from monitoring.quality.page import page
from monitoring.quality.place import Shelf, replacing
from monitoring.quality.report import Report
from monitoring.quality.settings import NotifySettings
from monitoring.quality.sources import files_of
from pipelines import settings
from pipelines.steps.command import main
from pipelines.steps.progress import reported

KIND = "quality"
"""The kind of note under which the store keeps reports, by the digest of the file."""


class IngestionParams(BaseModel):
    """Which files, and where their rows go.

    `source` is a file, a folder or ``s3://bucket/prefix``. `good` and `bad` are folders that last from run to run:
    they hold the journal and the ids that were seen. `reference` is a file to compare with, the task's own figures
    where it is empty. `store_url` is the store that keeps the reports, CONTENDER_STORE_URL if empty; without either
    nothing keeps them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    good: Path
    bad: Path
    reference: str = ""
    labels: Literal["needed", "optional"] = "needed"
    store_url: str = ""


@reported("ingest_files")
def ingest_files(task: str, ingestion: IngestionParams, report: Path) -> dict[str, Any]:
    """Check what is new, write the page `report` of all that lies there, and return the counts.

    ``status`` is ``skipped`` when nothing is new; what was judged before keeps its verdict.

    Raises:
        NotFound: no such source.
    """
    question = task_named(task)
    reference = Path(ingestion.reference) if ingestion.reference else None
    terms = terms_for(question, like=reference, labelled=ingestion.labels == "needed")
    with files_of(ingestion.source) as sources:
        checked = list(check_files(sources.files, terms, Shelf(ingestion.good, ingestion.bad)))
    reports, new = [one.report for one in checked], [one.report for one in checked if one.new]
    keep(settings.store_url(ingestion.store_url, otherwise=""), task, checked)
    with replacing(report) as content:
        content.write(page(reports, sources.passed_over))
    document = {**counts(reports), "new": len(new), "status": "checked" if new else "skipped"}
    return {**document, "passed_over": list(sources.passed_over), "announced": tell(new)}


def counts(reports: Sequence[Report]) -> dict[str, Any]:
    """How many files and rows, and the verdict on all of them: ``nothing`` where there is none."""
    faulty = any(report.verdict != "good" for report in reports)
    return {
        "verdict": "faults" if faulty else "good" if reports else "nothing",
        "files": len(reports),
        "rows": sum(report.rows for report in reports),
        "good": sum(report.good for report in reports),
        "bad": sum(report.bad for report in reports),
    }


def keep(store_url: str, task: str, checked: Sequence[Checked]) -> None:
    """Record the reports in the store, those too that an earlier run did not come to record.

    Raises:
        Unavailable: the store does not answer; the rows are split all the same.
    """
    if not store_url:
        return
    from contender.adapters.store_sql import Store

    store = Store(store_url, clock=time.time)  # noqa: TID251 - a step is a process of its own
    for report, _ in checked:
        store.keep_note(task, KIND, report.digest, time.time(), report.to_document())  # noqa: TID251 - likewise


def tell(reports: Sequence[Report]) -> bool:
    """Announce those that need somebody, where addresses are set; a failure is one line on stderr, no more."""
    urls = NotifySettings().addresses
    faulty = [report for report in reports if report.verdict != "good"]
    if not urls or not faulty:
        return False
    try:
        announce(urls, *message_of(faulty))
    except ContenderError as error:
        sys.stderr.write(f"error: {visible(str(error))}\n")
        return False
    return True


if __name__ == "__main__":
    main(ingest_files)
