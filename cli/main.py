"""`contender`: assembles the commands and turns errors into messages and exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Final

import typer

from cli import (
    ask,
    audit,
    clearing,
    cluster_run,
    dash,
    database,
    doctor,
    drift,
    experiment,
    export,
    health,
    pipeline,
    preview,
    quality,
    reconcile,
    release,
    report,
    retraining,
    score,
    serve,
    train,
    waiting,
)
from cli.compose import name_s3_for_all
from cli.demo import command as demo
from cli.framing import framing
from cli.output import err, fail, printed
from contender.adapters.kubernetes_jobs import FRAME
from contender.errors import ContenderError, InvalidInput

PRIVATE: Final = 0o077
"""What is written holds people's data, or names them: it is for the account that writes it, and no other."""

app = typer.Typer(
    name="contender",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Champion/challenger releases of hiring models.

[bold]Examples[/]

  contender demo                                  the whole story in a throw-away home
  contender train --task job-change --data F.csv  train, gate and register a version
  contender up && contender status                serve the champion here
  contender experiment start                      the challenger beside it, split by person
  contender promote  ·  contender undo            switch, and switch back in under a second

Exit codes: 0 ok, 1 failure, 2 usage, 3 refused or not promote, 4 fault found, 5 a service is unreachable.""",
)


@app.callback()
def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    """Options of every command; `main` reads --debug itself."""
    del debug


for room in (
    demo,
    train,
    pipeline,
    serve,
    ask,
    preview,
    quality,
    score,
    experiment,
    clearing,
    report,
    release,
    reconcile,
    waiting,
    audit,
    database,
    drift,
    retraining,
    health,
    export,
    dash,
    doctor,
    cluster_run,
):
    room.register(app)


def main() -> None:
    """Run the command line and exit with its code."""
    os.umask(PRIVATE)
    name_s3_for_all()
    # Taken out of the environment: a command that this one starts writes its result to this one.
    with framing(os.environ.pop(FRAME, "")):
        code = run(sys.argv[1:])
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """The exit code of the command line `arguments`."""
    printed.forget()
    try:
        result = app(args=arguments, prog_name="contender", standalone_mode=False)
    except ContenderError as error:
        if "--debug" in arguments:
            raise
        return _failed(error, arguments)
    except typer.TyperException as error:
        if not error.format_message():
            return 0  # a group without a command has shown its help
        words = [word for word in arguments[:2] if word.isalpha()]
        remedy = f"{' '.join(['contender', *words])} --help"
        return _failed(InvalidInput("", error.format_message(), remedy=remedy), arguments)
    except (typer.Abort, KeyboardInterrupt):
        err.print("interrupted")
        return 130
    except Exception as error:
        if "--debug" in arguments:
            raise
        return _failed(_unforeseen(error), arguments)
    return result if isinstance(result, int) else 0


def _failed(error: ContenderError, arguments: list[str]) -> int:
    """The exit code of an error, which is told as JSON where that is wanted, and stdout holds no object yet."""
    return fail(error, "--json" in arguments and not printed.yes)


def _unforeseen(error: Exception) -> ContenderError:
    """An error that no command translated: of a file what the system says, of a defect its place, not its words."""
    if isinstance(error, OSError) and error.filename:
        return ContenderError(f"{error.filename}: {error.strerror}", remedy="check the path and its permissions")
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
    return ContenderError(f"a defect: {type(error).__name__} at {where}", remedy="contender --debug tells all of it")
