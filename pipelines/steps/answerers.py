"""Who scores a batch: the running transformer, at a pace that leaves room for people, or the artifact in-process."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self
from urllib.parse import urlsplit

from contender.errors import InvalidInput, Unavailable
from contender.tasks.task import Task
from contender.values import REVIEW_LABEL
from pipelines.steps.outbox import Scored
from pipelines.steps.scoring import Scorer

SOURCE: Final = "scheduled"
SOURCE_HEADER: Final = "X-Source"
"""Tells the transformer where a request comes from: its exposures carry it."""
KEY_HEADER: Final = "Idempotency-Key"
"""Names a batch: done again, its answers are the same predictions and are recorded once."""

DEADLINE_S: Final = 30.0
PATIENCE: Final = 20
"""How often a batch is sent again when the transformer is overloaded or away."""
_LONGEST_PAUSE_S: Final = 5.0

Rows = Sequence[Mapping[str, Any]]


class Answerer(Protocol):
    """Scores rows; `key` names the batch, the same when it is done again."""

    @property
    def name(self) -> str:
        """Who scores."""
        ...

    def score(self, key: str, units: Sequence[str], rows: Rows) -> list[Scored]:
        """A prediction for each of `rows`, in order."""
        ...


@dataclass(frozen=True, slots=True)
class InProcess:
    """The artifact itself, without server and without exposures; unsure answers are for a person, as when served."""

    task: Task
    scorer: Scorer
    version: str

    @property
    def name(self) -> str:
        """Who scores."""
        return f"version-{self.version}"

    def score(self, key: str, units: Sequence[str], rows: Rows) -> list[Scored]:
        """A prediction for each of `rows`; ids depend on `key`, place and version alone."""
        said = self.task.decide(self.scorer.probabilities(rows), self.scorer.manifest.classes)
        least, review = self.task.policy.min_confidence, REVIEW_LABEL
        return [
            Scored(
                unit,
                self._id(key, place),
                one.label if one.confidence >= least else review,
                one.score,
                one.confidence,
                "in-process",
                self.version,
                None if one.confidence >= least else "unsure",
            )
            for place, (unit, one) in enumerate(zip(units, said, strict=True))
        ]

    def _id(self, key: str, place: int) -> str:
        return hashlib.blake2b(f"{key}/{place}/{self.version}".encode(), digest_size=16).hexdigest()


@dataclass(slots=True)
class Pace:
    """At most `rows_per_second`, and after each batch a rest at least as long as it took.

    So a transformer spends at most half of its time on batches. `clock` gives seconds that only grow.
    """

    rows_per_second: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    def rest(self, rows: int, took_s: float) -> None:
        """Wait as a batch of `rows` that took so long asks for."""
        self.sleep(max(rows / self.rows_per_second - took_s, took_s))


@dataclass(slots=True)
class Served:
    """The transformer at `url` (``http://host:port``), on one connection; `run` names this scoring among all others."""

    task: str
    url: str
    pace: Pace
    run: str
    _connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "http" or not parts.hostname:
            raise InvalidInput("url", "must be http://host:port")
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=DEADLINE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object, /) -> None:
        self._connection.close()

    @property
    def name(self) -> str:
        """Who scores."""
        return "served"

    def score(self, key: str, units: Sequence[str], rows: Rows) -> list[Scored]:
        """The transformer's answers, which are exposures of the source ``scheduled``.

        Raises:
            Unavailable: no answer, however often it was asked.
            InvalidInput: the transformer refuses the rows.
        """
        body = json.dumps({"instances": [{**row, "unit_id": unit} for unit, row in zip(units, rows, strict=True)]})
        headers = {"content-type": "application/json", SOURCE_HEADER: SOURCE, KEY_HEADER: f"{self.run}-{key}"}
        began = self.pace.clock()
        document = self._patiently(body, headers)
        self.pace.rest(len(rows), self.pace.clock() - began)
        return [_scored(unit, one) for unit, one in zip(units, document["predictions"], strict=True)]

    def _patiently(self, body: str, headers: Mapping[str, str]) -> dict[str, Any]:
        for attempt in range(PATIENCE):
            status, retry_after, content = self._send(body, headers)
            if status == http.client.OK:
                document: dict[str, Any] = json.loads(content)
                return document
            if http.client.BAD_REQUEST <= status < http.client.INTERNAL_SERVER_ERROR:
                raise InvalidInput("", _problem(status, content))
            self.pace.sleep(min(max(retry_after, 0.1 * 2.0**attempt), _LONGEST_PAUSE_S))
        raise Unavailable(f"{self.url} does not answer", remedy="contender up, then do it again: it goes on from here")

    def _send(self, body: str, headers: Mapping[str, str]) -> tuple[int, float, bytes]:
        """Status, seconds to wait and body; status 599 for no answer at all."""
        try:
            self._connection.request("POST", f"/v1/models/{self.task}:predict", body, dict(headers))
            response = self._connection.getresponse()
            return response.status, _seconds(response.getheader("Retry-After")), response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return 599, 0.0, b""


def _problem(status: int, content: bytes) -> str:
    """Why rows are refused, in the transformer's words, which name the place and never a value."""
    try:
        return str(json.loads(content)["error"])
    except (ValueError, LookupError, TypeError):
        return f"the transformer refuses the rows (status {status})"


def _seconds(header: str | None) -> float:
    return float(header) if header and header.isdecimal() else 0.0


def _scored(unit: str, one: Mapping[str, Any]) -> Scored:
    names = Scored._fields[1:]
    return Scored(unit, *(one.get(name) for name in names))  # type: ignore[arg-type]  # the transformer's reply
