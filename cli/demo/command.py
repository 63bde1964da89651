"""The command line of `contender demo`."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from cli.compose import Workplace
from cli.demo.stories import STORIES, StoryName
from cli.output import JsonFlag, TaskOption, note, out, print_json
from cli.progress import Progress
from cli.settings import Settings
from cli.train import DataOption, existing


def demo(
    task: TaskOption = "job-change",
    data: DataOption = None,
    units: Annotated[int, typer.Option(min=0, help="The most people to send; 0 sends everyone held out.")] = 0,
    story: Annotated[StoryName, typer.Option(help="What happens to the challenger.")] = StoryName.BETTER,
    seed: Annotated[int, typer.Option(min=0, help="Fixes synthetic rows, split, search and fit.")] = 0,
    as_json: JsonFlag = False,
) -> int:
    """Train two models, serve both, split people, judge, promote, undo: in a throw-away home that is removed.

    Examples:
      contender demo
      contender demo --story broken
      contender demo --task job-role --data candidates.csv --json
    """
    from cli.demo.report import document, render
    from cli.demo.run import Options, tell

    started = time.monotonic()
    options = Options(STORIES[story], story, existing(data), units, seed)
    with tempfile.TemporaryDirectory(prefix="contender-demo-", ignore_cleanup_errors=True) as folder:
        place = Workplace(Settings.throw_away(Path(folder)), task)
        note(f"{task}: {options.story.about}; {'the rows of ' + str(data) if data else 'synthetic people'}")
        progress = Progress()
        with progress.running():
            told = tell(place, options, progress)
        told_document = document(place, options, told, time.monotonic() - started)
    if as_json:
        print_json(told_document)
    else:
        out.print(render(told_document, options.story.about, told), soft_wrap=False)
    return 0


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(demo)
