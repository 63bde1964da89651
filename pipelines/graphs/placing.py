"""What a cluster is told about a step beside its work: room, and how often it is tried."""

from kfp import dsl


def placed(task: dsl.PipelineTask, cpu: str = "500m", memory: str = "1Gi") -> dsl.PipelineTask:
    """The step with the room that it asks for, tried twice more when its pod dies; steps are idempotent."""
    task.set_retry(2, backoff_duration="30s", backoff_factor=2.0, backoff_max_duration="300s")
    return task.set_cpu_request(cpu).set_memory_request(memory).set_memory_limit(memory)
