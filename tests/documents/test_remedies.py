"""Every command that a message of ours tells somebody to type is one that there is, with the options that it has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest

from contender.release.machine import COMMANDS
from tests.documents.checks import command_line
from tests.documents.extract import ROOT

ROOMS: Final = ("cli", "contender", "infrastructure", "monitoring", "pipelines", "serving")
_COMMAND: Final = re.compile(r"(?<![\w./-])(?<!-n )contender ((?:--?)?[a-z][^,;:()`\n\"&>]*)")
_PROSE: Final = frozenset({"approval", "needs", "that"})
"""What follows the word `contender` where it names the program or a kind of document, and no command."""


class Told(NamedTuple):
    """A command in a text of ours, and where it stands."""

    place: str
    command: str


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every text in the code; what it is filled in with stands as ``{}``."""
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.lineno, node.value


def told() -> Iterator[Told]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for line, text in texts(ast.parse(path.read_text())):
                for match in _COMMAND.finditer(text):
                    if match[1].split()[0] not in _PROSE:
                        yield Told(f"{path.relative_to(ROOT)}:{line}", match[1])


def faults(command: str) -> Iterator[str]:
    """What is wrong with a command in the middle of a sentence: its name, or the options that follow it."""
    found: Any = command_line()
    command, _, inside = command.partition(" -- ")
    if inside:
        yield from faults(inside)
    words = re.sub(r"[.…'’]+(\s|$)|\{\}", " ", command).split()
    while words and (children := getattr(found, "commands", None)) is not None:
        names = words.pop(0).split("|")
        if names[0].startswith("-"):
            return
        if missing := [name for name in names if name not in children]:
            yield f"there is no command {missing[0]}"
            return
        found = children[names[0]]
    known = {option for parameter in getattr(found, "params", ()) for option in parameter.opts}
    yield from (
        f"it has no option {word}" for word in words if word.startswith("--") and word not in known | {"--help"}
    )


ALL: Final = sorted(set(told()))


def test_there_are_remedies() -> None:
    assert len(ALL) > 80


@pytest.mark.parametrize("one", ALL, ids=lambda one: f"{one.place}-{one.command[:30]}")
def test_a_command_that_is_told_exists(one: Told) -> None:
    assert list(faults(one.command)) == []


@pytest.mark.parametrize("command", sorted(set(COMMANDS.values())))
def test_what_is_possible_now_is_a_command(command: str) -> None:
    assert list(faults(command.removeprefix("contender "))) == []


@pytest.mark.parametrize("command", ["experiment begin", "nope", "up --lookout", "experiment start --nope x"])
def test_a_command_that_is_none_is_found(command: str) -> None:
    assert list(faults(command))


def test_texts_are_found_with_what_fills_them() -> None:
    code = 'f"contender up --task {task}"\n"contender down"\n'
    assert [text for _, text in texts(ast.parse(code))] == ["contender up --task {}", "contender down"]
