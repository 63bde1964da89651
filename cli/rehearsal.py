"""`contender rehearse`: played people and outcomes for the running servers, until a verdict or for a while."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer

from cli import experiment
from cli.compose import Workplace, workplace
from cli.crowd import Crowd, Person, Tally, judged, wait_until_final, wait_until_joined
from cli.exit_codes import REFUSED
from cli.looking import look_at, trail_of
from cli.output import JsonFlag, TaskOption, note, pairs, show
from cli.progress import Progress
from cli.stated_effect import StatedEffect
from cli.steering import steer
from cli.train import existing
from contender.errors import InvalidInput, NotFound, Refused
from contender.experiment.analysis import Experiment
from contender.experiment.decision import Verdict
from contender.values import LIVE, REHEARSAL
from monitoring.drift.check import seconds
from monitoring.drift.shift import Shift, shifted

BATCH: Final = 500
PIECE: Final = 100
"""People of whom is told what happened to them before the next are asked: their windows are short."""

MOST_PEOPLE: Final = 20_000
LONGEST_S: Final = 60.0
"""The longest window, with its grace, that a rehearsal sits out after each batch."""

SYNTHETIC_ROWS: Final = 5_000
BATCH_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Played:
    """Who is sent: people without end, whose ids say that they are played, in the order of the rows."""

    rows: Sequence[Mapping[str, Any]]
    names: Sequence[str]
    target: str
    run: str

    def people(self) -> Iterator[Person]:
        """Ever new people, the rows over and over."""
        for number in count():
            row = self.rows[number % len(self.rows)]
            known = {name: row[name] for name in self.names}
            yield Person(f"{REHEARSAL}-{self.run}-{number}", known, row[self.target])


class _EnoughPeopleError(Exception):
    """As many people were sent as were asked for."""


def rehearse(  # noqa: PLR0913, PLR0917 - every option is a parameter
    task: TaskOption = "job-change",
    data: Annotated[
        Path | None, typer.Option("--data", "-d", help="Labelled rows to send; synthetic people without it.")
    ] = None,
    effect: Annotated[
        float,
        typer.Option(help="Reward that the challenger's people earn beyond what is true, as far as answers can."),
    ] = 0.0,
    people: Annotated[int, typer.Option(min=1, help="The most people that are sent.")] = MOST_PEOPLE,
    shift: Annotated[str, typer.Option(help="A column that is moved: a rehearsal of drift.")] = "",
    share: Annotated[float, typer.Option(min=0, max=1, help="The share of rows that are moved.")] = 1.0,
    amount: Annotated[float, typer.Option(help="Numbers are multiplied by 1 + this; levels become one level.")] = 1.0,
    lasting: Annotated[str, typer.Option("--for", help="Send for so long, at --rate: 90s, 5m.")] = "",
    rate: Annotated[float, typer.Option(help="Rows a second, with --for.")] = 10.0,
    among_people: Annotated[
        bool, typer.Option("--among-people", help="Also where real people are answered: the played ones count.")
    ] = False,
    as_json: JsonFlag = False,
) -> int:
    """Send played people through the running servers, and what happened to them, until the experiment has a verdict.

    Steps of the ramp are taken as with `experiment run`; exit code 0 when the verdict is promote, 3 otherwise. Without
    an experiment, or with --for, people are sent for as long as is said. Played people are real requests: answered,
    recorded and counted. Their ids and exposures say that they are a rehearsal, and so does the audit trail.

    Examples:
      contender rehearse --effect 0.05
      contender rehearse --shift city_development_index --amount -0.3 --for 5m
    """
    check(rate, effect)
    span_s = seconds(lasting or "5m", "--for")
    place = workplace(task)
    with place.endpoint():
        pass
    if not among_people:
        refuse_among_people(place)
    running = None if lasting or shift else experiment_to_decide(place)
    rows = _rows(place, data, Shift(shift, share, amount) if shift else None)
    played = Played(rows, list(place.task.schema.model_fields), place.task.target, f"{int(time.time())}")
    told = {"experiment": running.id if running else None, "effect": effect, "shift": shift, "file": bool(data)}
    trail_of(place).append(REHEARSAL, at=time.time(), actor=place.settings.actor, detail=told)
    stated = StatedEffect(place.task, [row[played.target] for row in rows], effect)
    crowd = Crowd(place.endpoint, Tally(), stated)
    document: dict[str, Any] = {"task": task, **told}
    if running is None:
        sent = _send_for(place, crowd, played, (span_s, rate, people))
        show(document | {"sent": sent, "failed": crowd.tally.failed}, as_json, pairs)
        return 0
    verdict = _until_verdict(place, crowd, played, people)
    document |= {"reached": round(stated.reached, 4), "sent": crowd.tally.requests, "failed": crowd.tally.failed}
    document |= {"verdict": verdict.decision}
    show(document | {"reason": verdict.reason}, as_json, pairs)
    if verdict.decision == "promote":
        note(f"next: contender experiment status --task {task}, then contender promote --task {task}")
    return 0 if verdict.decision == "promote" else REFUSED


def refuse_among_people(place: Workplace) -> None:
    """Come back where nobody real was ever answered.

    Raises:
        Refused: somebody was: played people would count beside them.
    """
    from contender.adapters.store_sql.listing import Sought

    if place.store.page(place.task.name, Sought(source=LIVE), limit=1):
        raise Refused(
            f"real people ask about {place.task.name} here, and played ones would count beside them",
            remedy="rehearse in a home of its own (CONTENDER_HOME), or say --among-people",
        )


def check(rate: float, effect: float) -> None:
    """Come back where both are what they can be.

    Raises:
        InvalidInput: naming the option that is not.
    """
    if not 0.0 < rate <= 1_000.0:
        raise InvalidInput("--rate", "must lie above 0 and at most at 1000")
    if not -1.0 <= effect <= 1.0:
        raise InvalidInput("--effect", "must lie between -1 and 1: a reward does")


def experiment_to_decide(place: Workplace) -> Experiment | None:
    """The running experiment, if there is one.

    Raises:
        Refused: its window is longer than a rehearsal sits out.
    """
    try:
        running = experiment.current(place)
    except NotFound:
        return None
    wait_s = running.plan.window_s + running.plan.grace_s
    if wait_s > LONGEST_S:
        raise Refused(
            f"the window of {running.id} is {running.plan.window_s:g} s: nothing counts before it has closed",
            remedy="contender experiment stop, then contender experiment start --window 2s",
        )
    return running


def _rows(place: Workplace, data: Path | None, shift: Shift | None) -> list[dict[str, Any]]:
    task = place.task
    rows = labelled(place, existing(data)) if data else task.generate(SYNTHETIC_ROWS, seed=int(time.time()))
    if shift is None:
        return rows
    moved = shifted(task, rows, shift, np.random.default_rng(int(time.time())))
    return [dict(row) for row in moved]


def labelled(place: Workplace, file: str) -> list[dict[str, Any]]:
    """The rows of a file that obey the task's schema, with what was true of them.

    Raises:
        InvalidInput: there is none.
    """
    from pipelines.steps.ingest import read_csv
    from pipelines.steps.validate import check_rows

    good = check_rows(place.task, read_csv(Path(file))).good
    if not good:
        raise InvalidInput("--data", f"no row of {file} obeys the schema", remedy="contender quality check")
    return good


def _until_verdict(place: Workplace, crowd: Crowd, played: Played, most: int) -> Verdict:
    """Send batches until the experiment is decided, taking the steps of its ramp; at most so many people."""
    stream, before, left = played.people(), judged(place), most
    progress = Progress()

    def batch(_: float) -> None:
        nonlocal left
        if not left:
            raise _EnoughPeopleError
        people = list(islice(stream, min(BATCH, left)))
        left -= len(people)
        for at in range(0, len(people), PIECE):
            crowd.tell(crowd.ask(people[at : at + PIECE]), place.task)
        wait_until_joined(place, crowd.told, before)
        wait_until_final(place, experiment.current(place))
        progress.say(f"{most - left:,} people sent")

    with progress.running(), progress.step("send people, and what happened to them") as step:
        try:
            verdict = steer(place, 0.0, batch)
        except _EnoughPeopleError:
            verdict = look_at(place, experiment.current(place))
        step.detail = f"{crowd.tally.requests:,} people, {verdict.decision}"
    return verdict


def _send_for(place: Workplace, crowd: Crowd, played: Played, how: tuple[float, float, int]) -> int:
    """Send people at a rate for a while, and tell what happened to them; how many were sent."""
    span_s, rate, most = how
    stream, sent = played.people(), 0
    progress = Progress()
    began = time.monotonic()
    with progress.running(), progress.step(f"send people for {span_s:g} s"):
        while (elapsed := time.monotonic() - began) < span_s and sent < most:
            due = min(int((elapsed + BATCH_S) * rate), most) - sent
            if due > 0:
                crowd.tell(crowd.ask(list(islice(stream, due))), place.task)
                sent += due
                progress.say(f"{sent:,} sent")
            time.sleep(BATCH_S / 2)
    return sent


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(rehearse)
