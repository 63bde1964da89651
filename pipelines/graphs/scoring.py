"""The scoring pipeline: predictions for the good files that have none.

kfp reads the annotations, so they are not postponed here.
"""

from typing import Any

from kfp import dsl

from pipelines.components import scoring as scoring_components
from pipelines.graphs.placing import placed, with_rows
from pipelines.params import RegistryParams
from pipelines.steps.score_batch import ScoringParams

_SCORING = ScoringParams().model_dump()
_REGISTRY = RegistryParams().model_dump(exclude_none=True)


@dsl.pipeline(name="scoring", description="Score the good files not scored yet; skipped when there is none.")
def scoring(
    task: str,
    good: str,
    predictions: str,
    scoring: dict[str, Any] = _SCORING,
    registry: dict[str, Any] = _REGISTRY,
) -> str:
    """One run for one task; `scoring` is `pipelines.steps.score_batch.ScoringParams`, on folders that last."""
    scored = scoring_components.score_batch(
        task=task, good=good, scoring=scoring, registry=registry, predictions=predictions
    ).set_caching_options(enable_caching=False)
    with_rows(placed(scored, memory="2Gi"))
    return scored.outputs["Output"]  # type: ignore[no-any-return]  # a channel, until the run
