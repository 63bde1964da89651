"""The drift pipeline: one look at what the running system recorded; to be scheduled.

kfp reads the annotations, so they are not postponed here.
"""

from typing import Any

from kfp import dsl

from pipelines.components import drift as drift_components
from pipelines.graphs.placing import placed, with_store
from pipelines.params import RegistryParams
from pipelines.steps.drift import DriftParams

_DRIFT = DriftParams().model_dump()
_REGISTRY = RegistryParams().model_dump(exclude_none=True)


@dsl.pipeline(name="drift", description="Hold recorded rows, answers and outcomes against the training reference.")
def drift(task: str, span: dict[str, Any] = _DRIFT, registry: dict[str, Any] = _REGISTRY) -> str:
    """One look for one task; `span` is `pipelines.steps.drift.DriftParams`."""
    # The records are the store's: an earlier look says nothing of this one.
    looked = drift_components.drift(task=task, span=span, registry=registry).set_caching_options(enable_caching=False)
    with_store(placed(looked, memory="2Gi"))
    return looked.outputs["Output"]  # type: ignore[no-any-return]  # a channel, until the run
