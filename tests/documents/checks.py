"""Holds one documented command against what there is: our command line, the rendered overlays, workflows, files.

Each check yields what is wrong; nothing is run. What nobody can check or run here stands in ``commands.toml``.
"""

from __future__ import annotations

import importlib.util
import itertools
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import typer
import yaml
from typer.main import get_command

from cli.main import app
from infrastructure.policy.objects import Rendered
from tests.documents.extract import ROOT, Text
from tests.documents.kubernetes import kubectl

Words = Sequence[str]

PLACEHOLDERS: Final = {"task": "job-change", "name": "job-change-transformer", "isvc": "job-change"}
LEFT_OUT: Final = "…"
"""Stands for what a sentence does not repeat: the rest of an option's value, or of the command."""

_WORKFLOWS: Final = ROOT / ".github" / "workflows"
_PATH: Final = re.compile(
    r"/v[12]/models/[\w-]+(:predict|:outcome|:explain|/infer|/routing|/version|/predictions)$|/(metrics|health)$|^[\w.:]+/?$"
)


@cache
def listed() -> Mapping[str, Any]:
    """What ``commands.toml`` says: `elsewhere`, a reason for every program or command that is not run here."""
    return tomllib.loads((Path(__file__).parent / "commands.toml").read_text())


def wrong(words: Words, told: Text, overlays: Mapping[str, Rendered]) -> Iterator[str]:
    """What is wrong with the command `words` of `told`; nothing if it is known to hold or is listed."""
    words = _without_gaps(words)
    program = words[0].rpartition("/")[2]
    if program == "contender":
        yield from contender(words[1:], whole=told.fenced and LEFT_OUT not in told.text)
    elif program == "kubectl":
        yield from kubectl(words[1:], told, overlays)
    elif check := _BY_PROGRAM.get(program):
        yield from check(words[1:])
    elif reason_for(words) is None:
        yield f"nobody says what becomes of `{' '.join(words)}`: check it, or list it in commands.toml"


@cache
def command_line() -> Any:
    """Our command line, as the parser has it."""
    return get_command(app)


def _without_gaps(words: Words) -> Words:
    """`words` without what a sentence leaves out, unless it is the value of an option."""
    kept = [word for before, word in zip(["", *words], words, strict=False) if word != LEFT_OUT or before[:1] == "-"]
    return [word for word in kept if word != "[options]"]


def reason_for(words: Words) -> str | None:
    """Why the command is not run here, from ``commands.toml``; None if it is not listed."""
    text = " ".join(words)
    return next((reason for begin, reason in listed()["elsewhere"].items() if text.startswith(begin)), None)


def contender(words: Words, whole: bool) -> Iterator[str]:
    """Whether our command line takes `words`; in the middle of a sentence arguments may be left out."""
    words = list(words)
    if words[:2] == ["cluster", "run"] and "--" in words:
        yield from contender(words[words.index("--") + 1 :], whole)
        words = words[: words.index("--") + 2]
    command, name = command_line(), "contender"
    while words and (children := getattr(command, "commands", None)) is not None and not words[0].startswith("-"):
        if words[0] not in children:
            yield f"`{name}` has no command {words[0]}"
            return
        name, command = f"{name} {words[0]}", children[words.pop(0)]
    if {"--help", "-h"} & set(words) or hasattr(command, "commands"):
        return
    try:
        command.make_context(name, words)
    except typer.TyperException as error:
        if whole or "Missing" not in type(error).__name__:
            yield f"`{name}`: {error.format_message()}"


def _make(words: Words) -> Iterator[str]:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    yield from (f"the Makefile has no target {word}" for word in words if "=" not in word and word not in targets)


def _gh(words: Words) -> Iterator[str]:
    if list(words[:2]) == ["workflow", "run"]:
        yield from _workflow(words[2], [word for flag, word in _pairs(words) if flag == "-f"])
    elif list(words[:2]) == ["variable", "set"]:
        texts = "".join(path.read_text() for path in _WORKFLOWS.glob("*.yml"))
        if not re.search(rf"vars\.{words[2]}\b", texts):
            yield f"no workflow reads the variable {words[2]}"
    elif reason_for(["gh", *words]) is None:
        yield f"`gh {' '.join(words)}` is neither checked nor listed"


def _workflow(file: str, inputs: Sequence[str]) -> Iterator[str]:
    path = _WORKFLOWS / file
    if not path.exists():
        yield f"there is no workflow {file}"
        return
    # YAML reads the key `on` as true.
    known = yaml.safe_load(path.read_text())[True]["workflow_dispatch"]["inputs"]
    given = dict(one.split("=", 1) for one in inputs)
    yield from (f"{file} has no input {name}" for name in given if name not in known)
    yield from (
        f"{file} needs the input {name}" for name, one in known.items() if one.get("required") and name not in given
    )


def _python(words: Words) -> Iterator[str]:
    if words[:1] == ["-m"] and importlib.util.find_spec(words[1]) is None:
        yield f"there is no module {words[1]}"


def _pytest(words: Words) -> Iterator[str]:
    for word in words:
        path, _, test = word.partition("::")
        if path.startswith("tests") and not list(ROOT.glob(path)):
            yield f"there is no {path}"
        elif test and f"def {test.split('[')[0]}(" not in (ROOT / path).read_text():
            yield f"{path} has no {test}"


def _curl(words: Words) -> Iterator[str]:
    for word in words:
        if "/" in word and word[0] not in "{-@" and not _PATH.search(word):
            yield f"no server of ours answers {word}"


def _pairs(words: Words) -> Iterator[tuple[str, str]]:
    return itertools.pairwise(words)


_BY_PROGRAM: Final[Mapping[str, Callable[[Words], Iterator[str]]]] = {
    "make": _make,
    "gh": _gh,
    "python": _python,
    "pytest": _pytest,
    "curl": _curl,
}
