"""Components around gate and register. kfp reads the annotations, so they are not postponed here."""

from typing import Any

from kfp import dsl

from pipelines.components.image import component


@component
def gate(
    task: str, evaluation: dsl.Input[dsl.Metrics], gate: dict[str, Any], decision: dsl.Output[dsl.Artifact]
) -> str:
    """The gate's decision; its outcome is passed, refused or overridden."""
    from pathlib import Path

    from pipelines.params import GateParams
    from pipelines.steps.gate import gate as judge

    report = judge(task, Path(evaluation.path), GateParams.model_validate(gate), Path(decision.path))
    decision.metadata.update(report)
    return str(report["outcome"])


@component
def register(  # noqa: PLR0913, PLR0917 - kfp passes every artifact by itself
    task: str,
    candidate: dsl.Input[dsl.Model],
    served: dsl.Input[dsl.Model],
    baseline: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Metrics],
    decision: dsl.Input[dsl.Artifact],
    registry: dict[str, Any],
    run_id: str,
    registration: dsl.Output[dsl.Artifact],
) -> None:
    """The registered version, with its alias."""
    from pathlib import Path

    from pipelines.params import RegistryParams
    from pipelines.steps.register import Candidate, register

    paths = {"model": candidate.path, "served": served.path, "baseline": baseline.path, "decision": decision.path}
    made = Candidate.model_validate({**paths, "evaluation": evaluation.path})
    report = register(task, made, RegistryParams.model_validate(registry), run_id, Path(registration.path))
    registration.metadata.update(report)
