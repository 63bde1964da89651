"""`contender up`, `status`, `down`: what serves on this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live

from cli.compose import Workplace, server_environment, workplace
from cli.output import JsonFlag, TaskOption, err, note, pairs, print_json, show, table
from cli.progress import Progress
from cli.verdicts import experiment_parts, summary
from contender.adapters.supervisor.control import launch, observed, stop, wait_ready
from contender.adapters.supervisor.documents import TRANSFORMER
from contender.adapters.supervisor.probe import HOST
from contender.errors import NotFound, Refused
from contender.values import BASELINE, CHAMPION

WATCH_S = 1.0


def up(
    task: TaskOption = "job-change",
    port: Annotated[int | None, typer.Option(help="Where the transformer listens; 0 picks a free port.")] = None,
    as_json: JsonFlag = False,
) -> int:
    """Serve the champion, the baseline and the transformer here, in the background.

    Example: contender up --port 8080 && contender predict --row '{…}'
    """
    place = workplace(task)
    _check_trained(place)
    progress = Progress()
    with progress.running():
        serve(place, progress, port=place.settings.port if port is None else port, detached=True)
    document = status_document(place)
    show(document, as_json, render)
    note(f"serving {document['url']}; stop it with: contender down --task {task}")
    return 0


def status(
    task: TaskOption = "job-change",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep looking, until Ctrl-C.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Processes, routing, experiment and release of a task.

    Example: contender status -w
    """
    place = workplace(task)
    if not watch:
        show(status_document(place), as_json, render)
        return 0
    if as_json or not err.is_terminal:
        while True:
            print_json(status_document(place))
            time.sleep(WATCH_S)
    with Live(render(status_document(place)), refresh_per_second=4) as live:
        while True:
            time.sleep(WATCH_S)
            live.update(render(status_document(place)))


def down(task: TaskOption = "job-change", as_json: JsonFlag = False) -> int:
    """Stop what `contender up` started for a task, and nothing else.

    Example: contender down --task job-change
    """
    place = workplace(task)
    stopped = stop(place.settings.home, task)
    show({"task": task, "stopped": stopped}, as_json, lambda d: f"{task} {'stopped' if d['stopped'] else 'was not up'}")
    return 0


def serve(place: Workplace, progress: Progress, *, port: int, detached: bool) -> Any:
    """Start the supervisor, the baseline, the champion and the transformer; return what was launched.

    A champion that was serving when the home was last up is brought up again, with the routing that was in force.
    """
    with progress.step("start servers") as step:
        launched = launch(
            place.settings.home, place.task.name, environment=server_environment(), port=port, detached=detached
        )
        try:
            _fill(place, progress)
            wait_ready(place.settings.home, place.task.name, deadline_s=place.settings.start_seconds)
        except BaseException:
            stop(place.settings.home, place.task.name)
            raise
        step.detail = f"http://{HOST}:{launched.observed.ports[TRANSFORMER]}"
    return launched


def _fill(place: Workplace, progress: Progress) -> None:
    deadline = place.settings.start_seconds
    progress.say("baseline")
    place.slots.prepare(BASELINE, place.registry.version(place.task.name, BASELINE), deadline_s=deadline)
    progress.say("champion")
    state = place.release.resume()
    if state.champion is None:
        place.release.install(CHAMPION)
    for placed in (state.champion, state.challenger, state.previous):
        if placed is not None:
            place.slots.prepare(placed.slot, placed.model, deadline_s=deadline)
    progress.say(TRANSFORMER)


def _check_trained(place: Workplace) -> None:
    missing = {CHAMPION, BASELINE} - set(place.registry.aliases(place.task.name))
    if missing:
        raise NotFound(
            f"{place.task.name} has no {' and no '.join(sorted(missing))} yet",
            remedy=f"contender train --task {place.task.name}",
        )
    if observed(place.settings.home, place.task.name) is not None:
        raise Refused(f"{place.task.name} is already up", remedy=f"contender down --task {place.task.name}")


def status_document(place: Workplace) -> dict[str, Any]:
    """All that is known of a task: processes, routing, experiment, release, registry aliases."""
    seen = observed(place.settings.home, place.task.name)
    routing = place.routing.read(place.task.name)
    release = place.release.state().to_document()
    return {
        "task": place.task.name,
        "home": str(place.settings.home),
        "url": f"http://{HOST}:{seen.ports[TRANSFORMER]}/v1/models/{place.task.name}" if seen else None,
        "processes": [asdict(process) for process in seen.processes] if seen else [],
        "routing": json.loads(routing.to_json()) if routing else None,
        "experiment": summary(place.store, place.task.name),
        "release": release,
    }


def render(document: Mapping[str, Any]) -> Group:
    """The status as a person reads it."""
    grid = table("", "process", "slot", "version", "port", "pid", "restarts", "note", title=document["task"])
    for process in document["processes"]:
        mark = "[green]●[/]" if process["ready"] else "[red]○[/]"
        cells = (process[name] for name in ("name", "slot", "version", "port", "pid", "restarts", "reason"))
        grid.add_row(mark, *("–" if cell is None else str(cell) for cell in cells))
    if not document["processes"]:
        grid.add_row("", "nothing is up", "", "", "", "", "", f"contender up --task {document['task']}")
    parts: list[Any] = [grid, pairs(_release_lines(document), "release")]
    if document["experiment"]:
        parts += experiment_parts(document["experiment"])
    return Group(*parts)


def _release_lines(document: Mapping[str, Any]) -> dict[str, object]:
    release, routing = document["release"], document["routing"]
    lines: dict[str, object] = {"phase": release["phase"]}
    for arm in routing["arms"] if routing else ():
        low, high = arm["range"]
        lines[arm["name"]] = f"version {arm['version']} in {arm['slot']}, {high - low:.0%} of the people"
    if routing:
        lines["generation"] = routing["generation"]
    if release["previous"]:
        lines["previous"] = f"version {release['previous']['model']['version']} warm in {release['previous']['slot']}"
    return lines


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command in (up, status, down):
        app.command()(command)
