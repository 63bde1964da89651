"""People who ask: held-out rows sent through the transformer, and later what really happened to them."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cli.endpoint import Endpoint
from contender.errors import ContenderError
from contender.experiment.assignment import bucket
from contender.tasks.task import Task
from contender.values import REVIEW_LABEL

CONNECTIONS = 8
OUTCOMES_A_CALL = 250
ACCEPTANCE = "acceptance"
ACCEPTED_RIGHT, ACCEPTED_WRONG = 0.7, 0.2
"""Parts of right and of wrong answers that the demo's recruiters act on; they do not see which is which."""


@dataclass(frozen=True)
class Person:
    """A held-out row, the id that decides the arm, and what really happened."""

    unit_id: str
    row: Mapping[str, object]
    outcome: str | int | float


class _Answer(NamedTuple):
    """What a person was told, and when (seconds since the epoch)."""

    label: str
    at: float


def accepts(person: Person, label: str, truth: str) -> bool:
    """Whether a recruiter of the demo acts on the answer; on reviews none does, and on one person all do alike."""
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

    def __init__(self, connect: Callable[[], Endpoint], tally: Tally) -> None:
        self._connect, self.tally = connect, tally
        self.told = 0
        self._answers = dict[str, _Answer]()

    def ask(self, people: Sequence[Person]) -> dict[str, Person]:
        """Send each of `people` once, one row a request; prediction id to person for those who were answered."""
        started, answered = time.monotonic(), {}
        queue, lock = iter(people), threading.Lock()

        def work() -> None:
            with self._connect() as endpoint:
                while (person := _take(queue, lock)) is not None:
                    if (reply := self._one(endpoint, person)) is not None:
                        answered[str(reply["prediction_id"])] = person
                        self._answers[str(reply["prediction_id"])] = _Answer(reply["label"], time.time())
                        self.tally.place(person, reply)

        _in_threads(work, CONNECTIONS)
        self.tally.seconds += time.monotonic() - started
        self.tally.asked += len(people)
        return answered

    def tell(self, answered: Mapping[str, Person], task: Task) -> None:
        """Report what really happened to each answered person, and whether a recruiter acted on the answer."""
        outcomes = [event for key, person in answered.items() for event in self._events(key, person, task)]
        self.told += len(answered)
        with self._connect() as endpoint:
            for start in range(0, len(outcomes), OUTCOMES_A_CALL):
                endpoint.outcome(outcomes[start : start + OUTCOMES_A_CALL])

    def _events(self, prediction_id: str, person: Person, task: Task) -> Iterator[dict[str, object]]:
        answer = self._answers[prediction_id]
        common = {"prediction_id": prediction_id, "at": answer.at}
        yield {**common, "event_id": f"hired-{prediction_id}", "value": person.outcome}
        if accepts(person, answer.label, task.label_of(person.outcome)):
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
            replies = endpoint.predict([{**person.row, "unit_id": person.unit_id}])
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
