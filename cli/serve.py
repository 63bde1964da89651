"""`contender up`, `down`: what serves on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import observe as observing
from cli.compose import Workplace, server_environment, workplace
from cli.filling import fill
from cli.output import JsonFlag, TaskOption, note, show
from cli.progress import Progress
from cli.serving_settings import check_server_settings
from cli.status.command import status
from cli.status.document import status_document
from cli.status.tree import render
from cli.turn import PATIENCE_S, turn
from contender.adapters.addresses import tellable
from contender.adapters.supervisor.control import launch, observed, stop, wait_ready
from contender.adapters.supervisor.documents import TRANSFORMER
from contender.adapters.supervisor.probe import HOST
from contender.errors import ContenderError, NotFound, Refused
from contender.values import BASELINE, CHAMPION


def up(
    task: TaskOption = "job-change",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Where the transformer listens; 0 picks a free port.")
    ] = None,
    observe: Annotated[bool, typer.Option("--observe", help="Start Prometheus and Alertmanager, too.")] = False,
    alerts_to: Annotated[str, typer.Option("--alerts-to", help="The webhook that alerts are sent to.")] = "",
    as_json: JsonFlag = False,
) -> int:
    """Serve the champion, the baseline and the transformer here, in the background. What is up already stays up.

    On a cluster, whose transformer is deployed already: give the slots their versions and the transformer its routing.

    Examples:
      contender up --port 8080 && contender predict --row '{…}'
      contender up --observe && contender dash check
    """
    place = workplace(task)
    check_store(place)
    _check_trained(place)
    progress = Progress()
    with progress.running():
        if place.cluster:
            _deploy(place, progress)
        else:
            if not _is_up(place, port):
                serve(place, progress, port=place.settings.port if port is None else port, detached=True)
            if observe:
                observing.begin(place, alerts_to)
            else:
                observing.aim(place)
    try:
        document = status_document(place)
    except ContenderError as error:  # it is up, whether that can be shown or not
        note(f"{task} is up, and its status cannot be read: {error}")
        return 0
    show(document, as_json, render)
    if place.cluster is None:
        note(f"serving {document['url']}; stop it with: contender down --task {task}")
    return 0


def down(task: TaskOption = "job-change", as_json: JsonFlag = False) -> int:
    """Stop what `contender up` started for a task, and nothing else.

    Example: contender down --task job-change
    """
    place = workplace(task)
    if place.cluster:
        raise Refused(f"{task} is served by a cluster", remedy="contender suspend, or kubectl delete -k the overlay")
    stopped = stop(place.settings.home, task)
    observing.leave(place.settings.home, task)
    show({"task": task, "stopped": stopped}, as_json, lambda d: f"{task} {'stopped' if d['stopped'] else 'was not up'}")
    return 0


def serve(place: Workplace, progress: Progress, *, port: int, detached: bool) -> Any:
    """Start the supervisor, the baseline, the champion and the transformer; return what was launched.

    A champion that was serving when the home was last up is brought up again, with the routing that was in force.
    """
    check_server_settings(os.environ)
    with progress.step("start servers") as step:
        environment = server_environment(place.settings)
        launched = launch(place.settings.home, place.task.name, environment=environment, port=port, detached=detached)
        try:
            fill(place, progress.say)
            progress.say(TRANSFORMER)
            wait_ready(place.settings.home, place.task.name, deadline_s=place.settings.start_seconds)
        except BaseException:
            stop(place.settings.home, place.task.name)
            raise
        step.detail = f"http://{HOST}:{launched.observed.ports[TRANSFORMER]}"
    return launched


def _deploy(place: Workplace, progress: Progress) -> None:
    """Fill the slots in this command's turn: a round of the release service may be at the very same."""
    patience_s = PATIENCE_S + 2 * place.settings.start_seconds
    with turn(place, patience_s=patience_s), progress.step(f"fill the slots in {place.settings.namespace}"):
        fill(place, progress.say)


def check_store(place: Workplace) -> None:
    """Refuse to begin anew in an empty store where the home's anchors tell of releases: it is not the home's own."""
    if place.cluster or place.release.state().champion or place.release.records():
        return
    if kept := place.anchors.kept(place.task.name):
        raise Refused(
            f"the store {tellable(place.settings.store_url)} has no release of {place.task.name}, and anchors tell of "
            f"{max(one['sequence'] for one in kept)} audit records: it is another store than the one they are of",
            remedy="set CONTENDER_STORE_URL as it was; to begin anew: another CONTENDER_HOME, or move its anchors away",
        )


def _check_trained(place: Workplace) -> None:
    missing = {CHAMPION, BASELINE} - set(place.registry.aliases(place.task.name))
    if CHAMPION in missing and (serving := place.release.state().champion) is not None:
        gone = f"version {serving.version}, the champion of {place.task.name}, is no longer in the registry"
        if "://" not in serving.model.artifact and not Path(serving.model.artifact).exists():
            folder = f"bring the folder {serving.model.artifact} back from a backup, then: contender up"
            raise NotFound(f"{gone}, and its artifact is gone, too", remedy=folder)
        note(f"{gone}; it is served from its artifact. To replace it: contender train, then contender experiment start")
        missing -= {CHAMPION}
    if missing:
        raise NotFound(
            f"{place.task.name} has no {' and no '.join(sorted(missing))} yet",
            remedy=f"contender train --task {place.task.name}",
        )


def _is_up(place: Workplace, port: int | None) -> bool:
    """Whether the task's servers are up, and ready by now.

    Raises:
        Refused: they are, on another port than the one that was asked for.
        DeadlineExceeded: they are, and one of them does not become ready.
    """
    home, task = place.settings.home, place.task.name
    seen = observed(home, task)
    if seen is None:
        return False
    found = seen.ports[TRANSFORMER]
    if port not in {None, 0, found}:
        raise Refused(f"{task} is already up on port {found}", remedy=f"contender down --task {task}, then up again")
    note(f"{task} is already up")
    wait_ready(home, task, deadline_s=place.settings.start_seconds)
    return True


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (up, status, down):
        app.command()(command)
