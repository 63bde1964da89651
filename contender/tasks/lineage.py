"""Where a model version comes from, and the semantic version that follows from it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final

from contender.errors import InvalidInput
from contender.tasks.task import Task

FIRST_SEMVER: Final = "1.0.0"

_SEMVER = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a version was made from: the schema's digest, the meaning of its features, the family of its estimator.

    Two versions of equal lineage differ in data and in fitted parameters only. Which rows were learnt from is data: a
    model that was fitted again on its test rows too is of the same lineage.
    """

    schema_digest: str
    features_version: int
    estimator: str


def schema_digest(task: Task) -> str:
    """The sha256 (hex) of the task's input schema as canonical JSON: equal schemas give equal digests."""
    document = json.dumps(task.schema.model_json_schema(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(document.encode()).hexdigest()


def next_semver(previous: str | None, before: Lineage | None, now: Lineage) -> str:
    """The semantic version after `previous`, whose lineage was `before`; the first is 1.0.0.

    MAJOR when the schema changes (clients must change), MINOR when features or estimator do (answers change for
    another reason than data), PATCH when only data do.

    Raises:
        InvalidInput: `previous` is not MAJOR.MINOR.PATCH.
    """
    if previous is None or before is None:
        return FIRST_SEMVER
    match = _SEMVER.fullmatch(previous)
    if match is None:
        raise InvalidInput("semver", f"{previous!r} is not MAJOR.MINOR.PATCH")
    major, minor, patch = map(int, match.groups())
    if now.schema_digest != before.schema_digest:
        return f"{major + 1}.0.0"
    if now != before:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"
