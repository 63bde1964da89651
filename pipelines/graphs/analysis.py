"""The experiment's analysis: one look at what the running system recorded; to be scheduled.

kfp reads the annotations, so they are not postponed here.
"""

from typing import Any

from kfp import dsl

from pipelines.components import analysis as analysis_components
from pipelines.graphs.placing import placed, with_store
from pipelines.steps.analyse import AnalysisParams

_RECORDS = AnalysisParams().model_dump()


@dsl.pipeline(name="analysis", description="Judge the running experiment of a task, and keep the look.")
def analysis(task: str, records: dict[str, Any] = _RECORDS) -> str:
    """One look for one task; `records` is `pipelines.steps.analyse.AnalysisParams`."""
    # The records are the store's: an earlier look says nothing of this one.
    looked = with_store(placed(analysis_components.analyse(task=task, records=records)))
    return looked.set_caching_options(enable_caching=False).outputs["Output"]  # type: ignore[no-any-return]  # a channel
