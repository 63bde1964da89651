"""A serving artifact as it will be served: verified, through onnxruntime, with its own features."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contender.artifact import FEATURES, GOLDEN, MANIFEST, MODEL, Manifest, check_file, parse_manifest
from contender.errors import InvalidArtifact
from contender.tasks.task import Encoder, Probabilities, Task
from contender.values import Row

_BATCH: Final = 4096
"""Rows encoded at a time: hashed text of many rows at once would not fit into memory."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """A loaded artifact that turns rows into probabilities."""

    manifest: Manifest
    encoder: Encoder
    session: Any

    def probabilities(self, rows: Sequence[Row]) -> Probabilities:
        """Shape (rows, classes), float64, columns in the order of the manifest's classes."""
        batches = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
        scored = [run(self.session, self.encoder.encode(batch)) for batch in batches]
        return np.concatenate(scored) if scored else np.empty((0, len(self.manifest.classes)))


def load(task: Task, folder: Path) -> Scorer:
    """The artifact in `folder`, after every file was checked against the manifest.

    Raises:
        InvalidArtifact: a file is missing or differs, or the artifact is another task's.
    """
    manifest = parse_manifest(_content(folder, MANIFEST))
    if manifest.task != task.name:
        raise InvalidArtifact(MANIFEST, f"is of task {manifest.task!r}, not {task.name!r}")
    files = {name: _content(folder, name) for name in (MODEL, FEATURES, GOLDEN)}
    for name, content in files.items():
        check_file(manifest, name, content)
    return Scorer(manifest, task.load_features(json.loads(files[FEATURES])), open_model(files[MODEL]))


def open_model(model: bytes) -> Any:
    """An onnxruntime session over the graph `model`."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def run(session: Any, encoded: NDArray[Any]) -> Probabilities:
    """The probabilities that the graph gives for encoded rows, as float64."""
    (probabilities,) = session.run(["probabilities"], {"features": encoded})
    return np.asarray(probabilities, dtype=np.float64)


def _content(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise InvalidArtifact(name, f"cannot be read: {error.strerror}", remedy="fetch the artifact again") from error
