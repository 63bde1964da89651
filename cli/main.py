"""`contender`: assembles the commands and turns errors into messages and exit codes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
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
    rehearsal,
    release,
    report,
    retraining,
    score,
    serve,
    train,
    waiting,
    withdrawing,
)
from cli.compose import name_s3_for_all
from cli.demo import command as demo
from cli.exit_codes import INTERRUPTED
from cli.framing import framing
from cli.given import refuse_empty
from cli.output import err, fail, note, printed, stderr, stdout, where
from cli.reading import only_shows
from cli.streams import prepare_streams
from contender.adapters.kubernetes_jobs import FRAME
from contender.adapters.process_environment import take_over
from contender.errors import ContenderError, InvalidInput

PRIVATE: Final = 0o077
"""What is written holds people's data, or names them: it is for the account that writes it, and no other."""

_NO_ROOM: Final = "make room on the disk of CONTENDER_HOME, or of the file that was to be written"
_OF_A_DISK: Final[Mapping[int, str]] = {
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
    errno.EROFS: "the disk can only be read: let CONTENDER_HOME name a folder on another one",
}
"""What to do where it is the disk's fault, by the system's number of the error."""

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
    rehearsal,
    clearing,
    withdrawing,
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
    prepare_streams()
    os.umask(PRIVATE)
    take_over(os.environ)
    name_s3_for_all()
    # Taken out of the environment: a command that this one starts writes its result to this one.
    with framing(os.environ.pop(FRAME, "")):
        code = run(sys.argv[1:])
    stdout.flush()
    stderr.flush()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """The exit code of the command line `arguments`."""
    printed.forget()
    code = _carried_out(arguments)
    stdout.flush()
    if "--debug" in arguments and printed.defect is not None:
        raise printed.defect
    return _shown(code, arguments) if printed.trouble else code


def _carried_out(arguments: list[str]) -> int:
    """The exit code of what was done; an error is told here."""
    try:
        refuse_empty(arguments)
        result = app(args=arguments, prog_name="contender", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        result = INTERRUPTED
    except (BrokenPipeError, SystemExit):
        return 0  # of help, as rich ends: who was reading has seen enough
    except Exception as error:
        if isinstance(error, typer.TyperException) and not error.format_message():
            return 0  # a group without a command has shown its help
        if "--debug" in arguments and not isinstance(error, typer.TyperException):
            raise
        return _failed(_translated(error, arguments), arguments)
    if result == INTERRUPTED:
        err.print("interrupted")
    return result if isinstance(result, int) else 0


def _shown(code: int, arguments: list[str]) -> int:
    """The exit code of a command whose result could not be shown: that of what it did, if it did anything but show."""
    if code == 0 and only_shows(arguments):
        return _failed(ContenderError(f"the result cannot be shown: {printed.trouble}"), arguments)
    note(f"the result cannot be shown: {printed.trouble}; the exit code says what became of the command itself")
    return code


def _failed(error: ContenderError, arguments: list[str]) -> int:
    """The exit code of an error, which is told as JSON where that is wanted, and stdout holds no object yet."""
    return fail(error, "--json" in arguments and not printed.yes and stdout.trouble is None)


def _translated(error: Exception, arguments: list[str]) -> ContenderError:
    """What to say of an error: of a file what the system says, of a defect its place, not its words."""
    if isinstance(error, ContenderError):
        return error
    if isinstance(error, typer.TyperException):
        words = [word for word in arguments[:2] if word.isalpha()]
        return InvalidInput("", error.format_message(), remedy=f"{' '.join(['contender', *words])} --help")
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename else ""
        remedy = _OF_A_DISK.get(error.errno or 0, "check the path and its permissions")
        return ContenderError(f"{named}{error.strerror}", remedy=remedy)
    defect = f"a defect: {type(error).__name__} at {where(error)}"
    return ContenderError(defect, remedy="contender --debug tells all of it")
