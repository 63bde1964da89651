"""What differs from run to run is taken out of a document; what a reader depends on stays: keys, words, types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_IN_TEXTS: Final = (
    (re.compile(r"/(?:tmp|home|root|var)/[^\s\"',;]*"), "<path>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b(?:sha256:)?[0-9a-f]{32,64}\b"), "<digest>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?"), "<time>"),
    (re.compile(r"(?<![\w.-])[+-]?\d+(?:[.,]\d+)*(?![\w-])"), "<number>"),
)


def normal(document: Any) -> Any:
    """The document with types for numbers, and with placeholders for paths, ids, digests, times and numbers in texts.

    Of equal entries of a list one is kept: how many there are differs, what they look like does not.
    """
    if isinstance(document, Mapping):
        return {str(key): normal(document[key]) for key in sorted(document, key=str)}
    if isinstance(document, str):
        return _text(document)
    if isinstance(document, Sequence):
        entries = [normal(one) for one in document]
        return [one for at, one in enumerate(entries) if one not in entries[:at]]
    if isinstance(document, bool) or document is None:
        return document
    return f"<{type(document).__name__}>"


def _text(text: str) -> str:
    for pattern, placeholder in _IN_TEXTS:
        text = pattern.sub(placeholder, text)
    return text
