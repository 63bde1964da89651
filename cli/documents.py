"""The small files that an option names: plans, approvals, evidence, anchors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cli.given import REMEDY
from contender.errors import InvalidInput

MOST_BYTES: Final = 4 * 1024 * 1024
"""What a person or a command writes down is smaller; a device has no end."""

_SAVE: Final = "save it in UTF-8; in PowerShell: | Out-File -Encoding utf8"


def text_of(option: str, path: Path, *, remedy: str = "", what: str = "text") -> str:
    """The text in the file at `path`, in UTF-8, with or without the mark that Windows puts before it.

    Raises:
        InvalidInput: there is no such file, or it is empty or no such text; by the name of the `option` that named it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInput(option, f"{path} cannot be read: {error.strerror}", remedy=remedy) from error
    if len(content) > MOST_BYTES:
        raise InvalidInput(option, f"{path} is larger than {MOST_BYTES // 1024} KiB", remedy=remedy)
    try:
        return full(option, content.decode("utf-8-sig"), f"{path} is empty")
    except UnicodeDecodeError as error:
        raise InvalidInput(option, f"{path} is not {what} in UTF-8", remedy=_SAVE) from error


def object_of(option: str, path: Path, *, remedy: str = "") -> Mapping[str, Any]:
    """The JSON object in the file at `path`; see `text_of`.

    Raises:
        InvalidInput: there is no such file, or it holds no such object.
    """
    try:
        document = json.loads(text_of(option, path, remedy=remedy, what="JSON"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(option, f"{path} is not JSON in UTF-8: {error}", remedy=remedy) from error
    if not isinstance(document, dict):
        raise InvalidInput(option, f"{path} holds no JSON object", remedy=remedy)
    return document


def full(option: str, text: str, problem: str) -> str:
    """`text`, which came by `option`.

    Raises:
        InvalidInput: it says nothing; with that `problem`.
    """
    if not text.strip():
        raise InvalidInput(option, problem, remedy=REMEDY)
    return text
