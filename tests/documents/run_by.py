"""Which of our commands a test runs: read from the tests themselves, where a call or a list names a command's words."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from tests.documents.checks import command_line
from tests.documents.extract import ROOT

Command = tuple[str, ...]

_HERE: Final = Path(__file__).parent


@cache
def run_by_tests() -> frozenset[Command]:
    """Every command of ours, as the words behind ``contender``, that stands in a test as somebody would type it."""
    texts = (path.read_text() for path in (ROOT / "tests").rglob("*.py") if _HERE not in path.parents)
    known = set(_known(command_line(), ()))
    return frozenset(named for text in texts for words in _spoken(ast.parse(text)) for named in _within(words, known))


def command_of(words: Sequence[str]) -> Command:
    """The command that `words`, those behind ``contender``, call; without what is not a command's name."""
    named = (known for known in _known(command_line(), ()) if tuple(words[: len(known)]) == known)
    return max(named, key=len, default=())


def _known(command: object, before: Command) -> Iterator[Command]:
    if before:
        yield before
    for name, child in getattr(command, "commands", {}).items():
        yield from _known(child, (*before, name))


def _spoken(tree: ast.AST) -> Iterator[list[str]]:
    """The words in a row of each call, list and tuple; of a text with blanks, its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _rows(node.args)
        elif isinstance(node, ast.List | ast.Tuple):
            yield from _rows(node.elts)


def _rows(nodes: Sequence[ast.expr]) -> Iterator[list[str]]:
    row: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            row.append(node.value)
            yield from _typed(node.value)
        else:
            yield row
            row = []
    yield row


def _typed(text: str) -> Iterator[list[str]]:
    if " " in text and "\n" not in text:
        try:
            yield shlex.split(text)
        except ValueError:
            return


def _within(words: Sequence[str], known: set[Command]) -> Iterator[Command]:
    """The longest command that begins at each of `words`, of more than one word or at the row's beginning."""
    for at in range(len(words)):
        named = (part for end in range(at + 1, at + 4) if (part := tuple(words[at:end])) in known)
        found = max(named, key=len, default=())
        if len(found) > 1 or (found and (at == 0 or words[at - 1] in {"contender", "--"})):
            yield found
