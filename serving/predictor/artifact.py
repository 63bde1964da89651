"""Loads a serving artifact: every byte is verified before anything is parsed, and nothing is executed but ONNX.

The folder's files are opened without following links and read once; what was verified is what is parsed, so a file
that is swapped after the check changes nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import orjson

from contender.artifact import (
    FEATURES,
    GOLDEN,
    GOLDEN_TOLERANCE,
    MANIFEST,
    MAX_SIZES,
    MODEL,
    Manifest,
    check_file,
    digest,
    parse_manifest,
)
from contender.errors import ContenderError, InvalidArtifact
from contender.tasks.task import Encoder, Task
from contender.values import Prediction, Row
from serving.rows import check

_INPUT, _OUTPUT = "features", "probabilities"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model version in memory. `digest` is the sha256 of its manifest: the name a release knows it by."""

    task: Task
    manifest: Manifest
    digest: str
    encoder: Encoder
    session: onnxruntime.InferenceSession

    def predict(self, rows: Sequence[Row]) -> list[Prediction]:
        """What the model says about each of `rows`, which fit the task's schema."""
        probabilities = self.session.run([_OUTPUT], {_INPUT: self.encoder.encode(rows)})[0]
        return self.task.decide(probabilities.astype(np.float64, copy=False), self.manifest.classes)


def load(folder: Path, task: Task, expected_digest: str | None) -> LoadedModel:
    """The model of `task` in `folder`, verified, and proven to answer its golden requests as it did in training.

    Args:
        folder: the serving artifact.
        task: whose model it must be.
        expected_digest: sha256 (hex) of the manifest as the release names it; None accepts any.

    Raises:
        InvalidArtifact: naming the file at fault.
    """
    files = _read_all(folder)
    found = digest(files[MANIFEST])
    if expected_digest is not None and found != expected_digest:
        raise InvalidArtifact(MANIFEST, "is not the one that was released", remedy="fetch the artifact again")
    manifest = parse_manifest(files[MANIFEST])
    for name in manifest.files:
        check_file(manifest, name, files[name])
    if manifest.task != task.name:
        raise InvalidArtifact(MANIFEST, f"is of task {manifest.task!r}, expected {task.name!r}")
    model = LoadedModel(task, manifest, found, _encoder(task, files[FEATURES]), _session(files[MODEL]))
    _check_golden(model, _document(GOLDEN, files[GOLDEN]))
    return model


def _read_all(folder: Path) -> dict[str, bytes]:
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise InvalidArtifact(str(folder), f"cannot be read: {error.strerror}") from error
    for name in sorted(names ^ set(MAX_SIZES)):
        raise InvalidArtifact(name[:100], "does not belong into an artifact" if name in names else "is missing")
    return {name: _read(folder / name, limit) for name, limit in MAX_SIZES.items()}


def _read(path: Path, limit: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InvalidArtifact(path.name, f"cannot be opened as a plain file: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidArtifact(path.name, "is not a plain file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(content) > limit:
        raise InvalidArtifact(path.name, f"may have at most {limit} bytes")
    return content


def _document(name: str, content: bytes) -> Mapping[str, Any]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InvalidArtifact(name, f"is not JSON: {error.msg}") from error
    if not isinstance(document, dict):
        raise InvalidArtifact(name, "must be an object")
    return document


def _encoder(task: Task, content: bytes) -> Encoder:
    return task.load_features(_document(FEATURES, content))


def _session(content: bytes) -> onnxruntime.InferenceSession:
    """One thread, in order: parallelism comes from processes, and one row is not worth waking a thread for."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime raises a dozen kinds without a common base for a graph that it will not run.
        raise InvalidArtifact(MODEL, f"is refused by onnxruntime: {type(error).__name__}") from error
    if [i.name for i in session.get_inputs()] != [_INPUT] or _OUTPUT not in [o.name for o in session.get_outputs()]:
        raise InvalidArtifact(MODEL, f"must have the input {_INPUT!r} and the output {_OUTPUT!r}")
    return session


def _check_golden(model: LoadedModel, golden: Mapping[str, Any]) -> None:
    requests, answers = golden.get("requests"), golden.get("answers")
    if not isinstance(requests, list) or not isinstance(answers, list) or not 0 < len(requests) == len(answers):
        raise InvalidArtifact(GOLDEN, "must hold as many answers as requests, and at least one")
    try:
        predictions = model.predict(check(model.task.schema, requests, "requests"))
    except ContenderError as error:
        raise InvalidArtifact(GOLDEN, f"requests do not fit the schema: {error}") from error
    except Exception as error:
        # The graph and the encoder come from the artifact: whatever they raise means that they do not fit.
        raise InvalidArtifact(MODEL, f"cannot answer the golden requests: {type(error).__name__}") from error
    for index, (prediction, answer) in enumerate(zip(predictions, answers, strict=True)):
        if not _agrees(prediction, answer):
            raise InvalidArtifact(GOLDEN, f"answers[{index}] is not what the model says now")


def _agrees(prediction: Prediction, answer: object) -> bool:
    if not isinstance(answer, dict) or answer.get("label") != prediction.label:
        return False
    pairs = ((prediction.confidence, answer.get("confidence")), (prediction.score, answer.get("score")))
    return all(isinstance(said, int | float) and abs(now - said) <= GOLDEN_TOLERANCE for now, said in pairs)
