"""What somebody gave and is empty is a mistake: it is never taken for nothing given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from contender.errors import InvalidInput

REMEDY: Final = "give it a value, or leave it out"


def refuse_empty(arguments: Sequence[str]) -> None:
    """Return quietly when every word of a command line says something, those behind ``--`` too.

    Raises:
        InvalidInput: an option or an argument is empty, as it is when a variable of a script is.
    """
    before = ""
    for word in arguments:
        option, equals, value = word.partition("=")
        if not word.strip():
            raise InvalidInput(before if before.startswith("-") else "an argument", "is empty", remedy=REMEDY)
        if equals and not value.strip() and (option.startswith("--") or before == "--set"):
            raise InvalidInput(option if before != "--set" else f"--set {option}", "is empty", remedy=REMEDY)
        before = word
