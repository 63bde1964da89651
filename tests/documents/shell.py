"""Splits what a document says into simple commands: words as a shell would hand them over, nothing run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

_ENDS: Final = frozenset("|&;\n")
_ASSIGNED: Final = re.compile(r"^[A-Za-z_]\w*=")
_HERE: Final = re.compile(r"<<-?'?(\w+)'?.*?^\1$", re.MULTILINE | re.DOTALL)


def simple_commands(text: str) -> Iterator[list[str]]:
    """The words of each simple command in `text`, those within ``$(…)`` too; assignments before a command are left out.

    Raises:
        ValueError: a quotation is not closed.
    """
    outer, inner = _taken_out(_HERE.sub("", text.replace("\\\n", " ")))
    for part in inner:
        yield from simple_commands(part)
    lexer = shlex.shlex(outer, posix=True, punctuation_chars="|&;<>\n")
    lexer.whitespace, lexer.whitespace_split = " \t\r", True
    words: list[str] = []
    skip = False
    for word in [*lexer, ";"]:
        if set(word) <= _ENDS:
            yield from _without_assignments(words)
            words = []
        elif skip or set(word) <= set("<>&"):
            skip = not skip
        else:
            words.append(word)


def _without_assignments(words: list[str]) -> Iterator[list[str]]:
    while words and _ASSIGNED.match(words[0]):
        words = words[1:]
    if words:
        yield words


def _taken_out(text: str) -> tuple[str, list[str]]:
    """`text` with every ``$(…)`` replaced by one word, and what stood within."""
    inner: list[str] = []
    while (begin := text.find("$(")) >= 0:
        depth, end = 1, begin + 2
        while end < len(text) and depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        inner.append(text[begin + 2 : end - 1])
        text = f"{text[:begin]}SUBSTITUTED{text[end:]}"
    return text, inner
