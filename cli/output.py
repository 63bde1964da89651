"""How the command speaks: data on stdout, progress and messages on stderr, `--json` with stable keys."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contender.errors import (
    Conflict,
    ContenderError,
    FaultFound,
    InvalidInput,
    NotFound,
    Refused,
    Unavailable,
)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
TaskOption = Annotated[str, typer.Option("--task", "-t", help="The task: job-change or job-role.")]

EXIT_CODES: tuple[tuple[type[ContenderError], int], ...] = (
    (InvalidInput, 2),
    (Refused, 3),
    (FaultFound, 4),
    (Unavailable, 5),
    (NotFound, 1),
    (Conflict, 1),
    (ContenderError, 1),
)
"""0 ok, 1 failure, 2 usage, 3 refused or not promote, 4 fault found, 5 a service is unreachable."""

# What is printed may quote anybody: a bracket in it is a bracket, and colours are `Text`'s.
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


class Printed:
    """Whether the one JSON object of a command is on stdout; `forget` before the next command of the same process."""

    def __init__(self) -> None:
        self.yes = False

    def forget(self) -> None:
        """Begin a command anew."""
        self.yes = False


printed = Printed()


def show(document: Mapping[str, Any], as_json: bool, render: Callable[[Mapping[str, Any]], object]) -> None:
    """Print `document`: as JSON for programs, or what `render` makes of it for people."""
    if as_json:
        print_json(document)
    else:
        out.print(render(document))


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON object on stdout, never wrapped or coloured."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
    sys.stdout.flush()
    printed.yes = True


def note(text: str) -> None:
    """A message to the person at the terminal, on stderr."""
    err.print(text)


def exit_code(error: ContenderError) -> int:
    """The process exit code for `error`."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def fail(error: ContenderError, as_json: bool) -> int:
    """Say what went wrong and what to do about it; return the exit code."""
    if as_json:
        print_json({"error": error.message, "remedy": error.remedy, "kind": type(error).__name__})
    else:
        err.print(Text("error:", style="bold red"), error.message)
        if error.remedy:
            err.print(Text("  →", style="dim"), error.remedy)
    return exit_code(error)


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table in the house's style."""
    grid = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2))
    for column in columns:
        grid.add_column(column, header_style="dim")
    return grid


def pairs(items: Mapping[str, object], title: str | None = None) -> Table:
    """A two-column table of names and values."""
    grid = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False, padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()
    for name, value in items.items():
        grid.add_row(name, figure(value))
    return grid


def figure(value: object) -> str | Text:
    """A value as a person reads it: four significant decimals, a dash for nothing; a text that has its style keeps it.

    >>> figure(0.25), figure(None), figure("1.0.0 [red]")
    ('0.2500', '–', '1.0.0 [red]')
    """
    if isinstance(value, Text):
        return value
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}"
    return str(value)
