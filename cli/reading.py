"""Which commands do nothing but show: where their result cannot be written, nothing was done.

Every other command changes something, and what it changed stays changed whether it can be told or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

ONLY_SHOW: Final = frozenset({
    "audit show",
    "audit verify",
    "cluster doctor",
    "cluster follow",
    "dash check",
    "database check",
    "doctor",
    "drift check",
    "drift report",
    "evaluate",
    "experiment faults",
    "experiment plan",
    "experiment report",
    "experiment status",
    "health",
    "predict",
    "preview sign",
    "release evidence",
    "status",
})  # fmt: skip


def only_shows(arguments: Sequence[str]) -> bool:
    """Whether the command line `arguments` asks for nothing but to be shown something."""
    words = [word for word in arguments if not word.startswith("-")]
    return bool({" ".join(words[:1]), " ".join(words[:2])} & ONLY_SHOW)
