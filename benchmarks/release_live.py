"""Promotions, undos and the kill switch on real model servers, while people keep asking."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cli import serve, train
from cli.compose import Workplace, server_environment
from cli.crowd import Crowd, Person, Tally
from cli.progress import Progress
from cli.settings import Settings
from contender.values import CHALLENGER, REVIEW_LABEL

TASK = "job-change"
ROWS = 3_000
PEOPLE = 200
BETWEEN = 60
"""Requests that must be answered between two switches, so that a failure would be seen."""
PATIENCE_S = 60.0


class Live(NamedTuple):
    """Seconds of each switch, what the people got, and how the kill switch worked."""

    promotes: list[float]
    undos: list[float]
    requests: int
    failed: int
    suspend_s: float
    reviewed_while_suspended: float
    answered_after_resume: float
    undo_command_s: float


def live(folder: Path, home: Path | None, pairs: int) -> Live:
    """Promote and undo `pairs` times under load, then pull the kill switch, then undo by the command.

    `home` holds two trained versions of the task and is used as it is; without one, small ones are trained in `folder`.
    """
    place = Workplace(Settings(home=home or folder / "home", actor="benchmark"), TASK)
    progress = Progress()
    with progress.running():
        people = _trained(place, progress) if home is None else _people(place, home / "people.jsonl")
        with _serving(place, progress):
            return _measured(place, people, pairs, progress)


def _trained(place: Workplace, progress: Progress) -> list[Person]:
    from pipelines.params import DataParams, GateParams, TrainingParams

    for seed, name in enumerate(("champion", "challenger")):
        data = DataParams(rows=ROWS, test_share=0.2, live_share=0.2, seed=seed)
        run = train.run_params(place, data, TrainingParams(trials=0, seed=seed), GateParams(override="benchmark"))
        result = train.train_with_progress(place, run, progress, f"train the {name}")
    return _people(place, result.parts / "live.jsonl")


def _people(place: Workplace, path: Path) -> list[Person]:
    names, task = place.task.schema.model_fields, place.task
    rows = [json.loads(line) for line in path.read_text().splitlines()[:PEOPLE]]
    return [Person(str(row[task.id_column]), {name: row[name] for name in names}, row[task.target]) for row in rows]


@contextmanager
def _serving(place: Workplace, progress: Progress) -> Iterator[None]:
    launched = serve.serve(place, progress, port=0, detached=False)
    try:
        yield
    finally:
        launched.close()


def _measured(place: Workplace, people: list[Person], pairs: int, progress: Progress) -> Live:
    crowd = Crowd(place.endpoint, Tally())
    promotes, undos = [], []
    place.release.prepare(CHALLENGER)
    with progress.step(f"{pairs} promotions and undos under load"), crowd.steady(people):
        for number in range(pairs):
            place.release.start(f"benchmark-{number}", f"benchmark-{number}", (0.5,))
            _traffic(crowd.tally)
            promotes.append(_timed(lambda: place.release.promote("benchmark", "measured")))
            _traffic(crowd.tally)
            undos.append(_timed(lambda: place.release.undo("measured")))
            _traffic(crowd.tally)
        asked, failed = crowd.tally.requests, crowd.tally.failed
        suspend_s = _timed(lambda: place.release.suspend("measured"))
        reviewed = _reviewed(place, people)
        place.release.lift("measured")
        answered = 1.0 - _reviewed(place, people)
    return Live(promotes, undos, asked, failed, suspend_s, reviewed, answered, _command(place))


def _traffic(tally: Tally) -> None:
    wanted, end = tally.requests + BETWEEN, time.monotonic() + PATIENCE_S
    while tally.requests < wanted and time.monotonic() < end:
        time.sleep(0.005)


def _timed(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


def _reviewed(place: Workplace, people: list[Person]) -> float:
    """The part of one answer each that was left to a person."""
    with place.endpoint() as endpoint:
        replies = [endpoint.predict([{**who.row, "unit_id": who.unit_id}])["predictions"][0] for who in people]
    return [reply["label"] for reply in replies].count(REVIEW_LABEL) / len(replies)


def _command(place: Workplace) -> float:
    """Seconds that `contender undo` takes from the shell until the old version serves everyone."""
    place.release.start("benchmark-command", "benchmark-command", (0.5,))
    place.release.promote("benchmark", "measured")
    environment = {**server_environment(), "CONTENDER_HOME": str(place.settings.home)}
    started = time.monotonic()
    command = [str(Path(sys.executable).with_name("contender")), "undo", "--task", TASK, "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None and not _is_back(place):
            time.sleep(0.005)
        return time.monotonic() - started if _is_back(place) else float("inf")
    finally:
        process.wait(PATIENCE_S)


def _is_back(place: Workplace) -> bool:
    routing = place.routing.read(TASK)
    return routing is not None and routing.arms[0].slot == "blue"
