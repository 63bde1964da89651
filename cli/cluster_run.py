"""`contender cluster run` and `follow`: any command as a job inside the cluster, for whoever reaches its API only."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Final, NamedTuple

import typer

from cli.cluster_doctor.command import register as register_doctor
from cli.cluster_install import register as register_install
from cli.compose import settings_from
from cli.following import Clock, Ended, Following, begin, how_to_follow
from cli.output import note, stdout
from contender.adapters.kubernetes_jobs import INPUTS, MOST_INPUT_BYTES, JobRequest, KubernetesJobs
from contender.errors import InvalidInput
from contender.plain_text import visible
from contender.tasks.catalog import task_named

group = typer.Typer(no_args_is_help=True, help="A cluster: what it lacks, and commands as jobs inside it.")

UNDO: Final = "undo"
HANDED_IN: Final = ("--approval", "--plan")
"""Options that name a file of whoever asks: it travels with the job."""

_TASK: Final = ("--task", "-t")
_NAME_LENGTH: Final = 50
_REPLY: Final = {signal.SIGINT: 130, signal.SIGTERM: 143}

WaitOption = Annotated[
    float,
    typer.Option(
        "--wait", min=1, envvar="CONTENDER_JOB_WAIT", help="Seconds to wait for its end; it may run for as long."
    ),
]


def run(
    arguments: Annotated[list[str], typer.Argument(help="The command, after `--`: promote --task job-change --json.")],
    wait: WaitOption = 1_900,
) -> int:
    """Run a command as a job inside the cluster, with the release's account: stdout and exit code are the command's.

    Only the Kubernetes API is needed (CONTENDER_NAMESPACE, KUBECONFIG): the job has the store, the registry and their
    passwords. What the command says meanwhile goes to stderr. Files after --approval and --plan travel with the job.
    Ctrl-C leaves the job and says how to follow it. Exit code 5 when the job has not ended in time, or never started.

    Example: contender cluster run -- promote --task job-change --bake 60 --approval approval.json --json
    """
    inner = _handed_in(arguments)
    form = f"{_task(arguments)}-{UNDO if arguments[0] == UNDO else 'reconcile'}"
    name = f"{form[:_NAME_LENGTH].rstrip('-')}-{secrets.token_hex(5)}"
    request = JobRequest(name, form, inner.arguments, secrets.token_hex(16), inner.files, int(wait))
    jobs, clock = _jobs(), Clock()

    def work() -> Ended:
        begin(jobs, request, clock)
        note(f"{name}: made; {how_to_follow(name)}")
        return Following(jobs, name, clock).until_it_ends(wait)

    return _told(name, work)


def follow(
    name: Annotated[str, typer.Argument(help="The job's name, as `contender cluster run` said it.")],
    wait: WaitOption = 1_900,
) -> int:
    """Follow a job that `contender cluster run` began, or read one that has ended: its words, result and exit code.

    Example: contender cluster follow job-change-reconcile-0a1b2c3d4e
    """
    jobs = _jobs()
    return _told(name, lambda: Following(jobs, name).until_it_ends(wait))


class _Inner(NamedTuple):
    """The arguments as the job gets them, and the files that travel with it."""

    arguments: tuple[str, ...]
    files: dict[str, str]


def _handed_in(arguments: Sequence[str]) -> _Inner:
    words, files = list(arguments), dict[str, str]()
    for at, word in enumerate(arguments):
        option, equals, value = word.partition("=")
        if option not in HANDED_IN or not (equals or at + 1 < len(arguments)):
            continue
        file = option.removeprefix("--")
        files[file] = _text_of(option, Path(value if equals else arguments[at + 1]))
        if equals:
            words[at] = f"{option}={INPUTS}/{file}"
        else:
            words[at + 1] = f"{INPUTS}/{file}"
    return _Inner(tuple(words), files)


def _text_of(option: str, path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(option, f"{path} cannot be read: {error.strerror}", remedy="name a file of yours") from error
    if len(content) > MOST_INPUT_BYTES:
        raise InvalidInput(option, f"{path} is larger than {MOST_INPUT_BYTES // 1024} KiB", remedy="name another file")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(option, f"{path} is no text in UTF-8", remedy="name another file") from error


def _task(arguments: Sequence[str]) -> str:
    """The task that the command is about: the one it names, else the one that it takes without a name."""
    named = "job-change"
    for at, word in enumerate(arguments):
        option, equals, value = word.partition("=")
        if option in _TASK and (equals or at + 1 < len(arguments)):
            named = value if equals else arguments[at + 1]
    return task_named(named).name


def _jobs() -> KubernetesJobs:
    from contender.adapters.kubernetes_client import connect

    # Where models are served is the job's business: nothing else than the API is reached from here.
    settings = settings_from(backend="local")
    return KubernetesJobs(connect(settings.namespace, settings.kubeconfig))


def _told(name: str, work: Callable[[], Ended]) -> int:
    with _interruptible() as caught:
        try:
            ended = work()
        except KeyboardInterrupt:
            note(f"no longer followed; what has begun goes on: {how_to_follow(name)}")
            return _REPLY[caught[0] if caught else signal.SIGINT]
    _hand_on(ended.document)
    return ended.exit_code


def _hand_on(document: bytes) -> None:
    """Write what the command printed: as it is for programs, and what could act on a terminal is shown there."""
    if stdout.isatty():
        stdout.write(visible(document.decode(errors="replace")))
        stdout.flush()
    else:
        stdout.write_bytes(document)


@contextmanager
def _interruptible() -> Iterator[list[signal.Signals]]:
    """SIGTERM interrupts the block as Ctrl-C does; yields which of the two came."""
    caught: list[signal.Signals] = []

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the handler's shape
        caught.append(signal.Signals(number))
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _REPLY}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def register(root: typer.Typer) -> None:
    """Add the group `contender cluster` to `root`."""
    group.command(context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True})(run)
    group.command()(follow)
    register_doctor(group)
    register_install(group)
    root.add_typer(group, name="cluster")
