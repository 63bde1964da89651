"""The story from the first row to the last audit record."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cli import experiment, serve, terms, train
from cli.compose import Workplace
from cli.crowd import ACCEPTANCE, SETTLE_S, Crowd, Person, Tally, wait_until_final, wait_until_joined
from cli.demo.sabotage import asker
from cli.demo.stories import Story, StoryName, Training
from cli.progress import Progress
from cli.verdicts import interval_picture, interval_text
from contender.adapters.supervisor.control import stop
from contender.experiment.analysis import Experiment, look
from contender.experiment.decision import Verdict, evidence_digest
from contender.experiment.plan import LEAST_UNITS, Plan, Step
from contender.tasks.task import Task
from contender.values import BASELINE, CHALLENGER

if TYPE_CHECKING:
    from pipelines.local import RunResult

Ask = Callable[[Sequence[Person]], Mapping[str, Person]]
"""Sends people once each; prediction id to person for those who were answered."""

SHARES = (0.1, 0.5)
FIRST_SHARE_OF_PEOPLE = 0.1
LOOKS = 12
ALPHA = 0.01
"""A story told a hundred times should promote the same model at most once by chance."""
REPEATS = 10
"""Every tenth person of a look asks twice: the same person must meet the same arm."""
WINDOW_S, GRACE_S = 0.5, 2.5
"""The demo's people are hired at once: what happens to them counts for half a second, and arrives within three."""
TEST_SHARE, LIVE_SHARE = 0.12, 0.6
SYNTHETIC_ROWS = 16_000
REQUESTS_AROUND_A_SWITCH = 40


@dataclass(frozen=True)
class Options:
    """What the demo was asked for: `file` is a whole path or empty, `units` the most people to send (0: all).

    With `keep` the servers go on when the story has ended.
    """

    story: Story
    name: StoryName
    file: str = ""
    units: int = 0
    seed: int = 0
    keep: bool = False


@dataclass
class Switches:
    """How long the switches took, in seconds, and what failed meanwhile."""

    promote_seconds: float | None = None
    undo_seconds: float | None = None
    failed: int = 0


@dataclass
class Told:
    """All that the demo saw."""

    champion: RunResult
    challenger: RunResult
    experiment: Experiment
    verdict: Verdict
    tally: Tally
    switches: Switches = field(default_factory=Switches)


def tell(place: Workplace, options: Options, progress: Progress) -> Told:
    """Train, serve, split, judge, act; return what was seen. The servers end with the call unless they are kept."""
    champion = _train(place, options, options.story.champion, progress, "train the champion")
    challenger = _train(place, options, options.story.challenger, progress, "train the challenger")
    people = _people(place.task, challenger.parts / "live.jsonl", options.units)
    with _serving(place, progress, keep=options.keep):
        tally = Tally()
        crowd = Crowd(place.endpoint, tally)
        with progress.step("prepare the challenger and start the experiment") as step:
            running = experiment.begin(place, _plan(place.task, len(people)), [CHALLENGER])
            step.detail = f"version {running.challenger} gets {SHARES[0]:.0%} of the people"
        running, verdict = _ask_everyone(place, options, crowd, running, people, progress)
        told = Told(champion, challenger, running, verdict, tally)
        _act(place, told, crowd, people, progress)
    return told


def _train(place: Workplace, options: Options, how: Training, progress: Progress, title: str) -> RunResult:
    from pipelines.params import DataParams, GateParams, TrainingParams

    run = train.run_params(
        place,
        DataParams(
            file=options.file,
            rows=SYNTHETIC_ROWS,
            test_share=TEST_SHARE,
            live_share=LIVE_SHARE,
            seed=options.seed,
        ),
        TrainingParams(trials=how.trials, train_rows=how.rows, label_noise=how.noise, seed=options.seed),
        GateParams(override=options.story.override),
    )
    return train.train_with_progress(place, run, progress, title)


def _people(task: Task, live: Path, most: int) -> list[Person]:
    """The rows that neither training nor test has seen, as people with an id and a true outcome."""
    rows = [json.loads(line) for line in live.read_text().splitlines()]
    names = task.schema.model_fields
    people = [Person(str(row[task.id_column]), {name: row[name] for name in names}, row[task.target]) for row in rows]
    return people[:most] if most else people


def _plan(task: Task, people: int) -> Plan:
    return Plan(
        window_s=WINDOW_S,
        grace_s=GRACE_S,
        metrics=tuple(terms.measured(task, [ACCEPTANCE], (), f"{WINDOW_S:g}s")),
        alpha=ALPHA,
        tuning_units=max(1, people // 2),
        min_units=max(LEAST_UNITS, min(people // 10, 300)),
        horizon_units=max(round(people * (1 - FIRST_SHARE_OF_PEOPLE)), 6 * LEAST_UNITS),
        challenger_share=SHARES[-1],
        ramp=tuple(map(Step, SHARES)),
        covariate=BASELINE,
    )


@contextmanager
def _serving(place: Workplace, progress: Progress, *, keep: bool) -> Iterator[None]:
    launched = serve.serve(place, progress, port=0, detached=keep)
    told = False
    try:
        yield
        told = True
    finally:
        if not (keep and told):
            stop(place.settings.home, place.task.name)
            launched.close()


def _ask_everyone(
    place: Workplace,
    options: Options,
    crowd: Crowd,
    running: Experiment,
    people: Sequence[Person],
    progress: Progress,
) -> tuple[Experiment, Verdict]:
    """Send the people in batches; look after each; stop when a verdict falls."""
    first = round(len(people) * FIRST_SHARE_OF_PEOPLE)
    size = max(1, -(-(len(people) - first) // LOOKS))
    batches = [people[:first], *(people[at : at + size] for at in range(first, len(people), size))]
    ask: Ask = crowd.ask
    with progress.step("send people, join what happened, look") as step:
        for number, batch in enumerate(batch for batch in batches if batch):
            if number == 1:
                running = experiment.advance(place, running)
                crowd.tally.forget_arms()
                ask = _asker(place, options, crowd)
            verdict = _one_look(place, crowd, running, batch, ask)
            asked = f"{crowd.tally.requests:,} requests, challenger at {running.shares[-1][1]:.0%}"
            step.detail = f"{asked}, {verdict.decision}"
            progress.say(_seen(asked, verdict), interval_picture(verdict.to_document()))
            if number > 0 and verdict.decision != "hold":
                break
        step.picture = None
    return running, verdict


def _asker(place: Workplace, options: Options, crowd: Crowd) -> Ask:
    challenger = place.release.state().challenger
    if not options.story.sabotage or challenger is None:
        return crowd.ask
    return asker(crowd, place.settings.home, place.task.name, challenger.slot)


def _one_look(place: Workplace, crowd: Crowd, running: Experiment, batch: Sequence[Person], ask: Ask) -> Verdict:
    answered = ask([*batch, *batch[::REPEATS]])
    crowd.tell(answered, place.task)
    wait_until_joined(place, crowd.told)
    wait_until_final(place, running)
    return look(place.store, running)


def _seen(asked: str, verdict: Verdict) -> str:
    effect = interval_text(verdict.to_document()) if verdict.interval else "no effect yet"
    return f"{asked}, effect {effect}, {verdict.decision}"


def _act(place: Workplace, told: Told, crowd: Crowd, people: Sequence[Person], progress: Progress) -> None:
    """Carry the verdict out, under traffic: promote and undo, or roll back."""
    before = told.tally.failed
    with crowd.steady(people[:REQUESTS_AROUND_A_SWITCH]):
        _some_traffic(told.tally)
        if told.verdict.decision == "promote":
            with progress.step(f"promote version {told.experiment.challenger}") as step:
                told.switches.promote_seconds = _promote(place, told)
                step.detail = f"everyone is served by it after {told.switches.promote_seconds:.3f} s"
            _some_traffic(told.tally)
        with progress.step("undo") as step:
            told.switches.undo_seconds = _undo(place, told)
            step.detail = f"version {told.experiment.champion} is back after {told.switches.undo_seconds:.3f} s"
        _some_traffic(told.tally)
    told.switches.failed = told.tally.failed - before


def _promote(place: Workplace, told: Told) -> float:
    started = time.monotonic()
    place.release.promote(evidence_digest(told.verdict.to_document()), told.verdict.reason)
    seconds = time.monotonic() - started
    experiment.close(place, told.experiment)
    return seconds


def _undo(place: Workplace, told: Told) -> float:
    started = time.monotonic()
    place.release.undo(f"the story goes back: {told.verdict.reason}")
    seconds = time.monotonic() - started
    experiment.close(place, told.experiment)
    return seconds


def _some_traffic(tally: Tally) -> None:
    """Let requests pass on either side of a switch, so that a failure would be seen."""
    wanted, end = tally.requests + REQUESTS_AROUND_A_SWITCH, time.monotonic() + SETTLE_S
    while tally.requests < wanted and time.monotonic() < end:
        time.sleep(0.01)
