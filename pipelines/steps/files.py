"""The files that steps hand over: rows as JSON lines, documents as JSON. Plain, typed, and readable by a person."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from contender.errors import InvalidInput

ROWS: Final = "rows.jsonl"
"""The rows in a step's output folder."""
REPORT: Final = "report.json"
"""What a step says about its output, in the same folder."""


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write one JSON object a line, making the folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows that `write_rows` wrote."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write_document(path: Path, document: Mapping[str, object]) -> None:
    """Write one JSON object; equal documents give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object that `path` holds.

    Raises:
        InvalidInput: there is no such file, or it is not a JSON object.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(str(path), f"cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise InvalidInput(str(path), "is not a JSON object")
    return document
