"""How the command speaks: data on stdout, progress and messages on stderr, `--json` with stable keys.

What a command did is done before it is shown: nothing that fails here changes its exit code, unless showing is all that
it does. What others wrote is shown without the control sequences in it.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final, TextIO, cast

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Span, Text

from cli import completion
from cli.exit_codes import FAILED, FAULT, REFUSED, UNREACHABLE, USAGE
from cli.streams import Stream
from contender.errors import (
    Conflict,
    ContenderError,
    FaultFound,
    InvalidInput,
    NotFound,
    Refused,
    Unavailable,
)
from contender.plain_text import one_line, visible

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
TaskOption = Annotated[
    str, typer.Option("--task", "-t", help="The task: job-change or job-role.", autocompletion=completion.tasks)
]

EXIT_CODES: tuple[tuple[type[ContenderError], int], ...] = (
    (InvalidInput, USAGE),
    (Refused, REFUSED),
    (FaultFound, FAULT),
    (Unavailable, UNREACHABLE),
    (NotFound, FAILED),
    (Conflict, FAILED),
    (ContenderError, FAILED),
)
"""What kind of error ends with which code."""

_DEFECTS: Final = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What a picture of a document may die of."""


class PlainConsole(Console):
    """Shows text as it is: a bracket is a bracket, colours are `Text`'s, control characters are shown, not obeyed."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(
            file=cast("TextIO", stream),
            stderr=stream is stderr,
            highlight=False,
            soft_wrap=True,
            markup=False,
            emoji=False,
        )

    def render_str(self, text: str, **options: Any) -> Text:
        """The text that a string is shown as."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments that anything is shown as."""
        return super().render(_visible(renderable) if isinstance(renderable, Text) else renderable, options)


def _visible(text: Text) -> Text:
    """`text` in its styles, as `visible` shows it."""
    shown = visible(text.plain)
    if shown == text.plain:
        return text
    at = [0]
    for character in text.plain:
        at.append(at[-1] + len(visible(character)))
    copy = text.blank_copy(shown)
    copy.spans = [Span(at[start], at[min(end, len(at) - 1)], style) for start, end, style in text.spans]
    return copy


stdout, stderr = Stream("stdout"), Stream("stderr")
out, err = PlainConsole(stdout), PlainConsole(stderr)


class Printed:
    """What has become of a command's result: whether its one JSON object is on stdout, and why it could not be shown.

    `forget` before the next command of the same process.
    """

    def __init__(self) -> None:
        self.yes = False
        self.defect: Exception | None = None

    def forget(self) -> None:
        """Begin a command anew."""
        self.yes, self.defect = False, None
        stdout.forget()
        stderr.forget()

    @property
    def trouble(self) -> str:
        """Why somebody who wanted to read the result could not; empty if nothing is known against it."""
        if self.defect is not None:
            return f"{type(self.defect).__name__} at {where(self.defect)}"
        if stdout.trouble is None or stdout.unread:
            return ""
        return f"stdout: {stdout.trouble.strerror}"


printed = Printed()


def where(error: BaseException) -> str:
    """The place in the code where `error` was raised."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{place.filename.rpartition('/')[2]}:{place.lineno}"


def show(document: Mapping[str, Any], as_json: bool, render: Callable[[Mapping[str, Any]], object]) -> None:
    """Print `document`: as JSON for programs, or what `render` makes of it for people. What fails here is in `printed`.

    A command's exit code is what it did: whoever calls this has done it.
    """
    try:
        if as_json:
            print_json(document)
        else:
            out.print(render(document))
            stdout.flush()
    except _DEFECTS as error:
        printed.defect = error


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON object on stdout, never wrapped or coloured."""
    stdout.write(json.dumps(document, indent=2, default=str) + "\n")
    stdout.flush()
    printed.yes = stdout.trouble is None


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
        err.print(Text("error:", style="bold red"), _below(error.message))
        if error.remedy:
            err.print(Text("  →", style="dim"), _below(error.remedy))
    return exit_code(error)


def _below(text: str) -> str:
    """`text` with its further lines moved in: a server's message cannot begin a line of ours."""
    return text.replace("\n", "\n    ")


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table in the house's style."""
    grid = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2))
    for column in columns:
        # What is too long goes on below: an id that is cut cannot be used.
        grid.add_column(column, header_style="dim", overflow="fold")
    return grid


def pairs(items: Mapping[str, object], title: str | None = None) -> Table:
    """A two-column table of names and values."""
    grid = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False, padding=(0, 2))
    grid.add_column(style="dim", overflow="fold")
    grid.add_column(overflow="fold")
    for name, value in items.items():
        grid.add_row(name, figure(value))
    return grid


def figure(value: object) -> str | Text:
    """A value as a person reads it: four significant decimals, a dash for nothing; a text that has its style keeps it.

    >>> figure(0.25), figure(None), figure("1.0.0 [red]")
    ('0.2500', '–', '1.0.0 [red]')

    What others wrote stays on its line:

    >>> figure("by hand\\n  promoted by root")
    'by hand\\\\n  promoted by root'
    """
    if isinstance(value, Text):
        return value
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}"
    return one_line(str(value))
