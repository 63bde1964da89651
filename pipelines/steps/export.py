"""Export: what was trained as a serving artifact, proven equal to it before anything is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from contender.artifact import FEATURES, GOLDEN, GOLDEN_TOLERANCE, MANIFEST, MODEL, Manifest, parse_manifest, seal
from contender.errors import ContenderError
from contender.tasks.lineage import schema_digest
from contender.tasks.task import Encoder, Estimator, Probabilities, Task
from contender.values import Prediction, Row
from pipelines.steps.scoring import open_model, run

UNREGISTERED: Final = "unregistered"
"""The manifest's version until the registry has given one."""

GOLDEN_ROWS: Final = 20
VERIFIED_ROWS: Final = 2_000

_LIBRARIES: Final = ("imbalanced-learn", "numpy", "onnx", "onnxruntime", "scikit-learn", "skl2onnx")


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted encoder and the estimator fitted on what it encodes."""

    encoder: Encoder
    estimator: Estimator

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, in the order of the probabilities' columns."""
        return tuple(str(label) for label in self.estimator.classes_)

    def probabilities(self, rows: Sequence[Row]) -> Probabilities:
        """What the trained model itself says, before any conversion."""
        return np.asarray(self.estimator.predict_proba(self.encoder.encode(rows)), dtype=np.float64)


def export(task: Task, trained: Trained, rows: Sequence[Row], folder: Path) -> float:
    """Write the artifact into `folder` and return the largest difference of a probability, over up to 2 000 `rows`.

    Raises:
        ContenderError: the ONNX graph differs from the trained model by more than 1e-5.
    """
    model = task.recipe().to_onnx(trained.estimator, trained.encoder.width)
    checked = rows[:VERIFIED_ROWS]
    expected = trained.probabilities(checked)
    features = _json(trained.encoder.to_document())
    encoder = task.load_features(json.loads(features))
    difference = float(np.abs(run(open_model(model), encoder.encode(checked)) - expected).max())
    if not difference <= GOLDEN_TOLERANCE:
        raise ContenderError(f"the ONNX graph differs from the trained model by {difference:.2g}")
    answers = task.decide(expected[:GOLDEN_ROWS], trained.classes)
    golden = {"requests": [_request(task, row) for row in rows[:GOLDEN_ROWS]], "answers": [*map(_answer, answers)]}
    _write(task, trained.classes, {MODEL: model, FEATURES: features, GOLDEN: _json(golden)}, folder)
    return difference


def stamp(folder: Path, registered: str) -> bytes:
    """Write the version that the registry gave into the manifest in `folder`; return the manifest's bytes."""
    path = folder / MANIFEST
    content = replace(parse_manifest(path.read_bytes()), version=registered).to_bytes()
    path.write_bytes(content)
    return content


def _write(task: Task, classes: tuple[str, ...], files: Mapping[str, bytes], folder: Path) -> None:
    manifest = Manifest(
        task=task.name,
        version=UNREGISTERED,
        schema_digest=schema_digest(task),
        classes=classes,
        thresholds={"min_confidence": task.policy.min_confidence},
        libraries={name: version(name) for name in _LIBRARIES},
        files=seal(files),
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {**files, MANIFEST: manifest.to_bytes()}.items():
        (folder / name).write_bytes(content)


def _request(task: Task, row: Row) -> dict[str, object]:
    return {name: row[name] for name in task.schema.model_fields if name in row}


def _answer(prediction: Prediction) -> dict[str, object]:
    return {"label": prediction.label, "confidence": prediction.confidence, "score": prediction.score}


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
