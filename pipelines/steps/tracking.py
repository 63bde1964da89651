"""Every trial of a search as a run of MLflow, nested in the run of its training."""

from __future__ import annotations

from typing import Protocol

from pipelines.params import RegistryParams
from pipelines.steps.search import TrialResult


class TrialLog(Protocol):
    """Where trials are recorded; entered before the first and left after the last."""

    def __enter__(self) -> object: ...

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object, /) -> None: ...

    @property
    def run_id(self) -> str:
        """The run that the trials belong to, or nothing when there is none."""
        ...

    def record(self, result: TrialResult) -> None:
        """Record one trial."""
        ...


class NoTrialLog:
    """Records nothing: for a model without a search."""

    run_id = ""

    def __enter__(self) -> object:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object, /) -> None:
        return None

    def record(self, result: TrialResult) -> None:
        """Forget the trial."""


class MlflowTrialLog:
    """Records trials as runs nested in a new run of the task's experiment."""

    def __init__(self, task: str, registry: RegistryParams) -> None:
        from contender.adapters.registry_mlflow import MlflowRegistry

        self._registry = MlflowRegistry(registry.tracking_uri, registry.artifact_root)
        self.run_id = self._registry.start_run(task, "training")
        self._task = task

    def __enter__(self) -> object:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object, /) -> None:
        self._registry.finish_run(self.run_id, failed=kind is not None)

    def record(self, result: TrialResult) -> None:
        """One nested run, with the trial's parameters, metrics and length."""
        metrics = {**result.metrics, "seconds": result.seconds}
        run_id = self._registry.start_run(self._task, f"trial {result.number}", parent=self.run_id)
        self._registry.log(run_id, params=result.params, metrics=metrics)
        self._registry.finish_run(run_id)
