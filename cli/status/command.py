"""The command line of `contender status`: once, or again every second."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Final

import typer
from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from cli.compose import Workplace, workplace
from cli.output import JsonFlag, TaskOption, out, show, stdout
from cli.status.document import status_document
from cli.status.line import line
from cli.status.markdown import markdown, value_at
from cli.status.tree import render
from contender.errors import ContenderError
from contender.plain_text import visible

WATCH_S: Final = 1.0

Document = Mapping[str, Any]


def status(
    task: TaskOption = "job-change",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep looking, until Ctrl-C.")] = False,
    field: Annotated[str, typer.Option(help="Print one value of it, by its path: release.phase.")] = "",
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print a summary for a page of a workflow.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Release, arms, slots, traffic and experiment of a task.

    Watching redraws a tree every second; off a terminal it prints a line a second, with --json an object a second.

    Example: contender status -w
    """
    place = workplace(task)
    if field or as_markdown:
        document = status_document(place)
        out.print(value_at(document, field) if field else markdown(document))
        return 0
    if not watch:
        show(status_document(place), as_json, render)
        return 0
    with suppress(KeyboardInterrupt):
        _watch(place, as_json)
    return 0


def _watch(place: Workplace, as_json: bool) -> None:
    if not as_json and out.is_terminal:
        with Live(_tree(place), console=out, refresh_per_second=4, screen=True) as live:
            _every_second(lambda: live.update(_tree(place)))
    _every_second(lambda: _say(_told(place, as_json)))


def _say(text: str) -> None:
    stdout.write(f"{visible(text)}\n")
    stdout.flush()


def _every_second(do: Callable[[], None]) -> None:
    while stdout.trouble is None:  # nobody reads any more, or nothing can be written
        do()
        time.sleep(WATCH_S)


def _tree(place: Workplace) -> RenderableType:
    """The tree, or why there is none this time: a store that is away for a second does not end the watch."""
    try:
        return render(status_document(place))
    except ContenderError as error:
        return Text(f"⚠ cannot look: {error}", style="red")


def _told(place: Workplace, as_json: bool) -> str:
    try:
        document = status_document(place)
    except ContenderError as error:
        return json.dumps({"error": error.message, "remedy": error.remedy}) if as_json else f"⚠ cannot look: {error}"
    return json.dumps(document, default=str) if as_json else line(document, time.time())
