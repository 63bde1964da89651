"""What a cluster is told about a step beside its work: room, how often it is tried, and what it finds in its pod."""

from typing import Any, Final

from kfp import dsl

STORE: Final = "contender-store"
"""The Secret of Kubeflow's namespace whose key ``pipelines`` is the store's URL."""

ROWS: Final = "contender-rows"
"""The claim of Kubeflow's namespace on a volume for files that last from run to run."""

MOUNTED: Final = "/rows"


def placed(task: dsl.PipelineTask, cpu: str = "500m", memory: str = "1Gi") -> dsl.PipelineTask:
    """The step with the room that it asks for, tried twice more when its pod dies; steps are idempotent."""
    task.set_retry(2, backoff_duration="30s", backoff_factor=2.0, backoff_max_duration="300s")
    return task.set_cpu_request(cpu).set_memory_request(memory).set_memory_limit(memory)


def with_store(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """The step with the store's URL in its environment: as a parameter, everybody who sees a run would see it."""
    keys = [{"secretKey": "pipelines", "envVar": "CONTENDER_STORE_URL"}]
    # Named twice, as kfp-kubernetes does it: older backends read the plain name.
    named = {"secretNameParameter": {"runtimeValue": {"constant": STORE}}, "secretName": STORE}
    return _told(task, "secretAsEnv", {**named, "keyToEnv": keys})


def with_rows(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """The step with the volume of lasting files at `MOUNTED`."""
    return _told(task, "pvcMount", {"constant": ROWS, "mountPath": MOUNTED})


def _told(task: dsl.PipelineTask, what: str, told: dict[str, Any]) -> dsl.PipelineTask:
    """The step with one entry more for Kubeflow's Kubernetes driver; kfp-kubernetes writes the same."""
    task.platform_config.setdefault("kubernetes", {}).setdefault(what, []).append(told)
    return task
