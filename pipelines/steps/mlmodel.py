"""The model as MLflow describes models: the ONNX graph with its signature and an input example, no Python code."""

from __future__ import annotations

import json
from pathlib import Path

from contender.artifact import MODEL
from contender.tasks.task import Task
from pipelines.steps.scoring import load


def write_mlmodel(task: Task, artifact: Path, folder: Path, run_id: str) -> None:
    """Write an MLflow model of flavour ``onnx`` into `folder`, made from the serving artifact in `artifact`.

    There is no ``python_function`` flavour: loading one can run code out of the artifact.
    """
    import onnx
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    scorer = load(task, artifact)
    example = scorer.encoder.encode(_golden(artifact)[:1])
    answer = scorer.session.run(["probabilities"], {"features": example})[0]
    inputs = Schema([TensorSpec(example.dtype, (-1, *example.shape[1:]), "features")])
    outputs = Schema([TensorSpec(answer.dtype, (-1, *answer.shape[1:]), "probabilities")])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes((artifact / MODEL).read_bytes())
    (folder / "input_example.json").write_text(json.dumps({"inputs": {"features": example.tolist()}}))
    described = Model(run_id=run_id, signature=ModelSignature(inputs, outputs))
    described.saved_input_example_info = {
        "artifact_path": "input_example.json",
        "type": "ndarray",
        "format": "tf-serving",
    }
    described.add_flavor("onnx", onnx_version=onnx.__version__, data=MODEL, providers=["CPUExecutionProvider"])
    described.save(str(folder / "MLmodel"))


def _golden(artifact: Path) -> list[dict[str, object]]:
    requests: list[dict[str, object]] = json.loads((artifact / "golden.json").read_bytes())["requests"]
    return requests
