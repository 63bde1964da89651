"""Asking a model server over HTTP what it serves, and remembering how well it answers."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

HOST: Final = "127.0.0.1"
_MOST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model server said: whether it is ready, and (predictors) which version and digest it serves."""

    ready: bool
    version: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a process from its answers. `silent_since` is on the supervisor's own clock, in seconds.

    A blocked or frozen server is silent: it may live, but it gives no HTTP answer. A server that answers "not ready"
    is not silent.
    """

    answer: Answer | None = None
    has_answered: bool = False
    misses: int = 0
    silent_since: float | None = None

    def after(self, answer: Answer | None, now: float) -> Health:
        """What is known once `answer` (None: silence) has come in at `now`."""
        if answer is not None:
            return Health(answer, has_answered=True)
        since = now if self.silent_since is None else self.silent_since
        return replace(self, answer=None, misses=self.misses + 1, silent_since=since)

    def silent_for(self, now: float) -> float:
        """Seconds of silence; 0 until three questions in a row went unanswered.

        A count as well as a time: after the supervisor itself was frozen, an old miss must not look like a long one.
        """
        return now - self.silent_since if self.silent_since is not None and self.misses >= 3 else 0.0


def ask(port: int, task: str, *, versioned: bool, timeout_s: float) -> Answer | None:
    """What the model server on `port` of this machine says, or None when it gives no HTTP answer.

    `versioned` also asks which version it serves. Every wait on the network is at most `timeout_s`.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_s)
    try:
        ready, _ = _get(connection, "/v2/health/ready")
        if not versioned or not ready:
            return Answer(ready)
        known, body = _get(connection, f"/v1/models/{task}/version")
        return Answer(True, *_version(body)) if known else Answer(True)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[bool, bytes]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status == 200, response.read(_MOST_BYTES)


def _version(body: bytes) -> tuple[str | None, str | None]:
    try:
        said = json.loads(body)
        return str(said["version"]), str(said["digest"])
    except (ValueError, KeyError, TypeError):
        return None, None


class Probe(threading.Thread):
    """Asks one process again and again until closed; `health` is the latest word on it."""

    def __init__(
        self, question: Callable[[], Answer | None], *, starting_s: float, steady_s: float, clock: Callable[[], float]
    ) -> None:
        super().__init__(daemon=True, name="probe")
        self._question, self._clock = question, clock
        self._starting_s, self._steady_s = starting_s, steady_s
        self._closed = threading.Event()
        self.health = Health()

    def run(self) -> None:
        """Ask until closed."""
        pause = 0.0
        while not self._closed.wait(pause):
            answer = self._question()
            self.health = self.health.after(answer, self._clock())
            pause = self._steady_s if answer is not None and answer.ready else self._starting_s

    def close(self) -> None:
        """Ask no more. Returns at once; a question under way ends by its own deadline."""
        self._closed.set()
