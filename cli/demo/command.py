"""The command line of `contender demo`."""

from __future__ import annotations

import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli.compose import Workplace
from cli.demo.stories import STORIES, StoryName
from cli.output import JsonFlag, TaskOption, note, out, print_json
from cli.progress import Progress
from cli.settings import Settings
from cli.train import DataOption, existing

DEFAULT_TASK = "job-change"


def demo(  # noqa: PLR0913, PLR0917 - every option is a parameter
    task: TaskOption = "job-change",
    data: DataOption = None,
    units: Annotated[int, typer.Option(min=0, help="The most people to send; 0 sends everyone held out.")] = 0,
    story: Annotated[StoryName, typer.Option(help="What happens to the challenger.")] = StoryName.BETTER,
    seed: Annotated[int, typer.Option(min=0, help="Fixes synthetic rows, split, search and fit.")] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the home and its servers, to look around in.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Train two models, serve both, split people, judge, promote, undo: in a throw-away home that is removed.

    With --keep home and servers are left, and the last lines say what to look at and how to stop.

    Examples:
      contender demo
      contender demo --story broken
      contender demo --task job-role --data candidates.csv --json
    """
    from cli.demo.report import document, render
    from cli.demo.run import Options, tell

    started = time.monotonic()
    options = Options(STORIES[story], story, existing(data), units, seed, keep)
    with _home(keep=keep) as folder:
        place = Workplace(Settings.throw_away(folder), task)
        note(f"{task}: {options.story.about}; {'the rows of ' + str(data) if data else 'synthetic people'}")
        progress = Progress()
        with progress.running():
            told = tell(place, options, progress)
        told_document = document(place, options, told, time.monotonic() - started)
    if keep:
        told_document |= {"home": str(folder), "next": look_around(folder, task)}
    if as_json:
        print_json(told_document)
    else:
        out.print(render(told_document, options.story.about, told), soft_wrap=False)
    if keep:
        note("\n".join(("left as it is; to look around, and to stop:", *told_document["next"])))
    return 0


def look_around(folder: Path, task: str) -> list[str]:
    """What to type to see what the demo left in a home, and to be rid of it."""
    home, named = shlex.quote(str(folder)), "" if task == DEFAULT_TASK else f" --task {task}"
    return [
        f"export CONTENDER_HOME={home}",
        f"contender status{named}",
        f"contender experiment report{named} --out dossier.html",
        f"contender audit show{named}",
        f"contender down{named} && rm -r {home}",
    ]


@contextmanager
def _home(*, keep: bool) -> Iterator[Path]:
    """A new folder, removed at the end unless it is kept; it never is where the block fails."""
    folder, told = Path(tempfile.mkdtemp(prefix="contender-demo-")), False
    try:
        yield folder
        told = True
    finally:
        if not (keep and told):
            shutil.rmtree(folder, ignore_errors=True)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(demo)
