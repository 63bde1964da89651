"""The ingestion pipeline: what came into the raw folder, split into good and bad rows.

kfp reads the annotations, so they are not postponed here.
"""

from typing import Any

from kfp import dsl

from pipelines.components import quality
from pipelines.graphs.placing import placed, with_rows, with_store


@dsl.pipeline(name="ingestion", description="Check new files, split their rows, report and announce.")
def ingestion(task: str, ingestion: dict[str, Any]) -> str:
    """One run for one task; `ingestion` is `pipelines.steps.ingest_files.IngestionParams`, on folders that last."""
    # Not cached: files come under an unchanged folder.
    checked = quality.ingest_files(task=task, ingestion=ingestion).set_caching_options(enable_caching=False)
    with_rows(with_store(placed(checked, memory="2Gi")))
    return checked.outputs["Output"]  # type: ignore[no-any-return]  # a channel, until the run
