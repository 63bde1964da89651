"""The training reference: what a version saw of the world when it was judged, kept beside it in the registry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from contender.errors import NotFound
from contender.tasks.lineage import schema_digest
from contender.tasks.task import Task
from contender.values import Prediction, Row

FOLDER: Final = "reference"
"""The folder of a version's run, and of an evaluation, that holds it."""

TAG: Final = "reference_artifact"
"""The tag of a registered version that says where it lies."""

MOST_ROWS: Final = 5_000
FORMAT: Final = 1

_HEAD: Final = "reference.json"
_ROWS: Final = "rows.jsonl"
_SAMPLE_SEED: Final = 20_26


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A held-out row: the columns a model may see, what the judged model said of it, and what was true.

    `label` is the model's own, before any policy made a review of it. Ids and protected attributes are not in it.
    """

    features: Mapping[str, object]
    label: str
    score: float
    confidence: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Reference:
    """What a version is watched against: rows it had not learnt from when it was judged.

    `version` is empty until the registry knows it by a number.
    """

    task: str
    schema_digest: str
    rows: tuple[ReferenceRow, ...]
    version: str = ""


def columns(task: Task) -> tuple[str, ...]:
    """The columns that are watched: the schema's, without the protected ones."""
    return tuple(name for name in task.schema.model_fields if name not in task.protected)


def remember(task: Task, rows: Sequence[Row], predictions: Sequence[Prediction]) -> Reference:
    """The reference from labelled `rows` and what the judged model predicts of them; at most `MOST_ROWS`, drawn once.

    The draw is the same for the same number of rows.
    """
    drawn = np.random.default_rng(_SAMPLE_SEED).permutation(len(rows))[:MOST_ROWS]
    chosen = sorted(int(index) for index in drawn)
    kept = tuple(_row(task, rows[index], predictions[index]) for index in chosen)
    return Reference(task.name, schema_digest(task), kept)


def save(reference: Reference, folder: Path) -> None:
    """Write the reference into `folder`: a JSON head, and its rows as JSON lines."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {"format": FORMAT, "task": reference.task, "schema_digest": reference.schema_digest}
    (folder / _HEAD).write_text(json.dumps(head | {"rows": len(reference.rows)}, sort_keys=True) + "\n")
    with (folder / _ROWS).open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in reference.rows)


def load(task: Task, folder: Path, version: str) -> Reference:
    """The reference of `version` that `save` wrote into `folder`.

    Raises:
        NotFound: there is none, it cannot be read, or it is of another schema than the task has today.
    """
    try:
        head: dict[str, Any] = json.loads((folder / _HEAD).read_text(encoding="utf-8"))
        lines = (folder / _ROWS).read_text(encoding="utf-8").splitlines()
        rows = tuple(ReferenceRow(**json.loads(line)) for line in lines)
        known = (bool(rows), head["format"], head["task"], head["schema_digest"], head["rows"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise missing(task.name, version, f"cannot be read: {error!r}") from error
    if known != (True, FORMAT, task.name, schema_digest(task), len(rows)):
        raise missing(task.name, version, "is of another schema or is not whole")
    return Reference(task.name, head["schema_digest"], rows, version)


def missing(task: str, version: str, why: str = "was not kept") -> NotFound:
    """The error that says that `version` cannot be watched, and what to do about it."""
    return NotFound(
        f"the training reference of {task} version {version} {why}; drift cannot be measured",
        remedy=f"contender train --task {task}",
    )


def _row(task: Task, row: Row, prediction: Prediction) -> ReferenceRow:
    return ReferenceRow(
        {name: row[name] for name in columns(task)},
        prediction.label,
        prediction.score,
        prediction.confidence,
        task.label_of(row[task.target]),
    )
