"""The training pipeline: data, two models side by side, comparison with the champion, gate, refit, registration.

kfp reads the annotations, so they are not postponed here.
"""

from typing import Any

from kfp import dsl

from pipelines.components import data as data_components
from pipelines.components import model as model_components
from pipelines.components import release as release_components
from pipelines.graphs.placing import placed
from pipelines.params import DataParams, GateParams, RegistryParams, TrainingParams

_DATA = DataParams().model_dump(exclude_none=True)
_TRAINING = TrainingParams().model_dump(exclude_none=True)
_BASELINE = TrainingParams(recipe="baseline", trials=0).model_dump(exclude_none=True)
_GATE = GateParams().model_dump(exclude_none=True)
_REGISTRY = RegistryParams().model_dump(exclude_none=True)


@dsl.pipeline(name="training", description="Train a challenger and a baseline, judge, and register what passes.")
def training(
    task: str,
    data: dict[str, Any] = _DATA,
    training: dict[str, Any] = _TRAINING,
    gate: dict[str, Any] = _GATE,
    registry: dict[str, Any] = _REGISTRY,
) -> None:
    """One run for one task; parameter groups are those of `pipelines.params`."""
    source = placed(data_components.ingest(task=task, data=data)).output
    checked = placed(data_components.validate(task=task, source=source, data=data)).output
    parts = placed(data_components.split(task=task, checked=checked, data=data)).output
    challenger = model_components.train(task=task, parts=parts, training=training, registry=registry)
    baseline = model_components.train(
        task=task, parts=parts, training=_BASELINE, registry=registry, role="baseline"
    ).set_display_name("train-baseline")
    placed(challenger, cpu="2", memory="4Gi")
    models = {"baseline": placed(baseline).output}
    # The champion is the registry's: what was measured against an earlier one must not be reused.
    evaluated = model_components.evaluate(
        task=task, parts=parts, model=challenger.output, registry=registry, **models
    ).set_caching_options(enable_caching=False)
    judged = placed(release_components.gate(task=task, evaluation=placed(evaluated, memory="2Gi").output, gate=gate))
    with dsl.If(judged.outputs["Output"] != "refused", name="allowed"):
        decision = judged.outputs["decision"]
        served = model_components.refit(
            task=task, parts=parts, candidate=challenger.output, decision=decision, training=training
        )
        registered = release_components.register(
            task=task,
            candidate=challenger.output,
            served=placed(served, cpu="2", memory="4Gi").output,
            evaluation=evaluated.output,
            decision=decision,
            registry=registry,
            run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
            **models,
        ).set_caching_options(enable_caching=False)
        # A version is numbered when it is drafted: a second attempt would leave a first one half made.
        registered.set_cpu_request("500m").set_memory_request("2Gi").set_memory_limit("2Gi")
