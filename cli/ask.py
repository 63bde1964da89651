"""`contender predict` and `contender outcome`: a client's view of the transformer."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group

from cli.became import became, check_id
from cli.compose import workplace
from cli.documents import full, text_of
from cli.output import JsonFlag, TaskOption, pairs, show
from cli.preview import KeyOption, check_obeyed, header_for
from contender.errors import InvalidInput
from contender.tasks.task import Task
from contender.values import REWARD

COLUMNS = ("label", "confidence", "assigned_to", "served_by", "fallback_reason", "model_version", "prediction_id")


def predict(
    task: TaskOption = "job-change",
    row: Annotated[str, typer.Option(help="One row as JSON, with an optional unit_id; - reads it from stdin.")] = "",
    file: Annotated[Path | None, typer.Option(help='A JSON file: a list of rows, or {"instances": […]}.')] = None,
    arm: Annotated[str, typer.Option("--as", help="Let this arm answer; needs the operator's key.")] = "",
    key: KeyOption = None,
    as_json: JsonFlag = False,
) -> int:
    """Ask the running transformer about one person or many.

    Without --row or --file an example row of the task is asked about. With --as the operator chooses the arm; such an
    answer is marked `unassigned` and takes no part in any analysis.

    Example: contender predict --task job-role --row '{"unit_id": "c-17", "skills": "python; sql", …}' --json
    """
    place = workplace(task)
    given = _instances(row, file)
    instances = [_example(place.task)] if given is None else given
    with place.endpoint() as endpoint:
        reply = endpoint.predict(instances, header_for(instances, key, place.task.name, arm))
    check_obeyed(reply, arm)
    show(reply, as_json, _render)
    return 0


def outcome(
    prediction_id: Annotated[str, typer.Option("--prediction-id", help="As the prediction's reply gave it.")],
    value: Annotated[str, typer.Option(help="What happened, in the task's words: 0 or 1, or the role; else a number.")],
    task: TaskOption = "job-change",
    metric: Annotated[str, typer.Option(help="What it is an event of: reward is the truth.")] = REWARD,
    event_id: Annotated[str, typer.Option(help="The same id twice counts once; made up when left out.")] = "",
    as_json: JsonFlag = False,
) -> int:
    """Report what really happened to someone who was answered, and say what becomes of it.

    It counts in the experiment that the answer was part of, comes too late for it, or waits until the answer is known.

    Example: contender outcome --prediction-id 01a3185c5000b2f1c4d07e8a95361fd2 --metric acceptance --value 1
    """
    check_id(prediction_id)
    place = workplace(task)
    event = {
        "event_id": event_id or uuid.uuid4().hex,
        "prediction_id": prediction_id,
        "metric": metric,
        "value": _happened(place.task, metric, value),
    }
    with place.endpoint() as endpoint:
        reply = endpoint.outcome([event])
    fate = became(lambda: place.store, task, {"at": time.time(), **event})
    show({**reply, "event_id": event["event_id"], "became": fate}, as_json, _recorded)
    return 0


def _recorded(document: Mapping[str, Any]) -> str:
    fate = document["became"]
    return f"recorded as event {document['event_id']}\n{fate['state']}: {fate['why']}"


def _happened(task: Task, metric: str, value: str) -> str | float:
    if metric == REWARD:
        task.label_of(value)
        return value
    try:
        return float(value)
    except ValueError as error:
        raise InvalidInput("--value", f"must be a number for {metric}") from error


def _instances(row: str, file: Path | None) -> list[Mapping[str, object]] | None:
    """The rows that were given, at least one; None where none were."""
    if not row and file is None:
        return None
    if row and file is not None:
        raise InvalidInput("--row", "cannot go with --file", remedy="give one of them")
    option = "--row" if file is None else "--file"
    if file is not None:
        text = text_of(option, file, what="JSON")
    else:
        text = full(option, sys.stdin.read() if row == "-" else row, "holds no rows: it is empty")
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(option, f"is not JSON: {error}") from error
    if isinstance(document, dict) and "instances" in document:
        document = document["instances"]
    if document in (None, [], {}, ""):
        raise InvalidInput(option, "holds no rows", remedy='give a list of rows, or {"instances": […]}')
    return document if isinstance(document, list) else [document]


def _example(task: Task) -> dict[str, object]:
    row = task.generate(1, seed=0)[0]
    return {name: row[name] for name in task.schema.model_fields} | {"unit_id": "example"}


def _render(reply: Mapping[str, Any]) -> Group:
    """Each answer as a list of names and values: a row of them would be too long for a terminal."""
    answers = reply["predictions"]
    told = [{column: answer.get(column) for column in COLUMNS} for answer in answers]
    if len(told) == 1:
        return Group(pairs(told[0]))
    return Group(*(pairs(one, f"answer {number} of {len(told)}") for number, one in enumerate(told, start=1)))


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(predict)
    app.command()(outcome)
