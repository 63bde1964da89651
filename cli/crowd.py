"""People who are played: rows sent through the transformer as a rehearsal, and later what happened to them."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cli.compose import Workplace
from cli.endpoint import Endpoint
from contender.errors import ContenderError, DeadlineExceeded
from contender.experiment.analysis import Experiment
from contender.experiment.assignment import bucket
from contender.tasks.task import Task
from contender.values import REHEARSAL, REVIEW_LABEL

CONNECTIONS = 8
OUTCOMES_A_CALL = 250
ACCEPTANCE = "acceptance"
ACCEPTED_RIGHT, ACCEPTED_WRONG = 0.7, 0.2
"""Parts of right and of wrong answers that played recruiters act on; they do not see which is which."""

SETTLE_S = 30.0
MARK: Mapping[str, str] = {"X-Source": REHEARSAL}
"""What every request of a rehearsal carries: its exposures say so for good."""


@dataclass(frozen=True)
class Person:
    """A held-out row, the id that decides the arm, and what really happened."""

    unit_id: str
    row: Mapping[str, object]
    outcome: str | int | float


class Answer(NamedTuple):
    """What a person was told, the arm it is counted for, and when (seconds since the epoch)."""

    label: str
    at: float
    score: float = 0.0
    arm: str = ""


Happening = Callable[[Mapping[str, Person], Mapping[str, Answer]], Mapping[str, str | int | float]]
"""What happened to people, by prediction id, given who they are and what they were told."""


def as_it_was(people: Mapping[str, Person], answers: Mapping[str, Answer]) -> dict[str, str | int | float]:  # noqa: ARG001 - of one shape with others
    """What really happened to everybody, whatever they were told."""
    return {key: person.outcome for key, person in people.items()}


def accepts(person: Person, label: str, truth: str) -> bool:
    """Whether a played recruiter acts on the answer; on reviews none does, and on one person all do alike."""
    if label == REVIEW_LABEL:
        return False
    return bucket("recruiter", person.unit_id) < (ACCEPTED_RIGHT if label == truth else ACCEPTED_WRONG)


@dataclass
class Tally:
    """What the people got, counted over the whole demo. Shared by threads: `record` takes the lock."""

    requests: int = 0
    failed: int = 0
    reviewed: int = 0
    asked: int = 0
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    arms: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def record(self, reply: Mapping[str, Any] | None, latency_ms: float) -> None:
        """Count one request; `reply` is None when it failed."""
        with self.lock:
            self.requests += 1
            if reply is None:
                self.failed += 1
                return
            self.latencies_ms.append(latency_ms)
            self.reviewed += reply["label"] == REVIEW_LABEL

    def place(self, person: Person, reply: Mapping[str, Any]) -> None:
        """Remember the arm that a person met."""
        with self.lock:
            self.arms[person.unit_id].add(reply["assigned_to"])

    moved_before: int = 0

    def forget_arms(self) -> None:
        """Start counting arms anew: the ranges have changed, so a unit may rightly be elsewhere."""
        with self.lock:
            self.moved_before = self.moved
            self.arms.clear()

    @property
    def moved(self) -> int:
        """Units that were seen in two arms while the ranges stood still."""
        return self.moved_before + sum(len(arms) > 1 for arms in self.arms.values())


class Crowd:
    """Sends people through one transformer over a few keep-alive connections."""

    def __init__(self, connect: Callable[[], Endpoint], tally: Tally, happening: Happening = as_it_was) -> None:
        self._connect, self.tally, self._happening = connect, tally, happening
        self.told = 0
        self._answers = dict[str, Answer]()

    def ask(self, people: Sequence[Person]) -> dict[str, Person]:
        """Send each of `people` once, one row a request; prediction id to person for those who were answered."""
        started, answered = time.monotonic(), {}
        queue, lock = iter(people), threading.Lock()

        def work() -> None:
            with self._connect() as endpoint:
                while (person := _take(queue, lock)) is not None:
                    if (reply := self._one(endpoint, person)) is not None:
                        key = str(reply["prediction_id"])
                        answered[key] = person
                        self._answers[key] = Answer(reply["label"], time.time(), reply["score"], reply["assigned_to"])
                        self.tally.place(person, reply)

        _in_threads(work, CONNECTIONS)
        self.tally.seconds += time.monotonic() - started
        self.tally.asked += len(people)
        return answered

    def tell(self, answered: Mapping[str, Person], task: Task) -> None:
        """Report what really happened to each answered person, and whether a recruiter acted on the answer."""
        happened = self._happening(answered, {key: self._answers[key] for key in answered})
        outcomes = [
            event for key, person in answered.items() for event in self._events(key, person, task, happened[key])
        ]
        self.told += len(answered)
        with self._connect() as endpoint:
            for start in range(0, len(outcomes), OUTCOMES_A_CALL):
                endpoint.outcome(outcomes[start : start + OUTCOMES_A_CALL])

    def _events(
        self, prediction_id: str, person: Person, task: Task, outcome: str | float
    ) -> Iterator[dict[str, object]]:
        answer = self._answers[prediction_id]
        common = {"prediction_id": prediction_id, "at": answer.at}
        yield {**common, "event_id": f"hired-{prediction_id}", "value": outcome}
        if accepts(person, answer.label, task.label_of(outcome)):
            yield {**common, "event_id": f"accepted-{prediction_id}", "metric": ACCEPTANCE, "value": 1}

    @contextmanager
    def steady(self, people: Sequence[Person]) -> Iterator[None]:
        """Keep asking in the background for as long as the block runs."""
        stop = threading.Event()

        def work() -> None:
            with self._connect() as endpoint:
                while not stop.is_set():
                    for person in people:
                        self._one(endpoint, person)
                        if stop.is_set():
                            return

        threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _one(self, endpoint: Endpoint, person: Person) -> dict[str, Any] | None:
        started = time.perf_counter()
        try:
            replies = endpoint.predict([{**person.row, "unit_id": person.unit_id}], MARK)
            reply: dict[str, Any] | None = replies["predictions"][0]
        except ContenderError:
            reply = None
        self.tally.record(reply, (time.perf_counter() - started) * 1000)
        return reply


def _take(queue: Iterator[Person], lock: threading.Lock) -> Person | None:
    with lock:
        return next(queue, None)


def _in_threads(work: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def wait_until_joined(place: Workplace, told: int, before: int = 0) -> None:
    """Until the store has judged what happened to `told` people more than the `before` that it had.

    Raises:
        DeadlineExceeded: it has not after half a minute.
    """
    end = time.monotonic() + SETTLE_S
    while judged(place) - before < told:
        if time.monotonic() > end:
            pending = place.store.outcome_counts(place.task.name)["pending"]
            raise DeadlineExceeded(f"{pending} outcomes are not joined yet", remedy="see the logs")
        time.sleep(0.05)


def judged(place: Workplace) -> int:
    """The outcomes that the store has joined, those that it had to refuse among them."""
    counts = place.store.outcome_counts(place.task.name)
    return counts["judged"] + counts["refused"]


def wait_until_final(place: Workplace, running: Experiment) -> None:
    """Until the window of everybody who was asked has closed: a person's value is final only then.

    Raises:
        DeadlineExceeded: half a minute beyond the window and its grace somebody still waits.
    """
    end = time.monotonic() + SETTLE_S + running.plan.window_s + running.plan.grace_s
    while True:
        place.store.settle(place.task.name, place.task.reward)
        arms = place.store.experiment_data(running.id).arms.values()
        waiting = sum(arm.assigned - arm.metric(running.plan.primary.name).matured for arm in arms)
        if not waiting:
            return
        if time.monotonic() > end:
            raise DeadlineExceeded(f"{waiting} people still wait for their window to close", remedy="see the logs")
        time.sleep(0.1)
