"""Asks a slot of a cluster what it serves, over the address that the transformer uses."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from contender.artifact import GOLDEN, GOLDEN_TOLERANCE
from contender.errors import InvalidArtifact, Unavailable

_MOST_BYTES: Final = 16 * 1024 * 1024


class SlotAnswer(NamedTuple):
    """Which version and which manifest's digest a slot serves, in its own words."""

    version: str
    digest: str


class SlotProbe:
    """Asks the slots of `task`. `address` is the base URL of a slot's Service, by the slot's name.

    Inside the cluster that is the Service's own name; from outside, a path of ``kubectl proxy`` will do.
    """

    def __init__(self, task: str, address: Callable[[str], str], *, ask_s: float = 2.0, golden_s: float = 30.0) -> None:
        self._task, self._address = task, address
        self._ask_s, self._golden_s = ask_s, golden_s

    def ask(self, slot: str) -> SlotAnswer | None:
        """What `slot` says that it serves; None when it does not answer. A new connection each time.

        A pooled connection would be answered by the old version for as long as the old pod drains.
        """
        try:
            status, content = self._call(slot, "GET", "/version", None, self._ask_s)
            said = json.loads(content)
            return SlotAnswer(str(said["version"]), str(said["digest"])) if status == http.client.OK else None
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return None

    def golden(self, slot: str, content: bytes) -> None:
        """Return quietly when `slot` answers the golden requests in `content` as training did.

        Raises:
            InvalidArtifact: it answers otherwise.
            Unavailable: it does not answer.
        """
        golden = json.loads(content)
        body = json.dumps({"instances": golden["requests"]}).encode()
        try:
            status, replied = self._call(slot, "POST", ":predict", body, self._golden_s)
            if status == http.client.OK:
                return _compare(slot, golden["answers"], json.loads(replied)["predictions"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"{slot} does not answer its golden requests: {error}") from error
        raise Unavailable(f"{slot} answers its golden requests with {status}")

    def _call(self, slot: str, method: str, path: str, body: bytes | None, timeout_s: float) -> tuple[int, bytes]:
        url = urlsplit(self._address(slot))
        connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=timeout_s)
        try:
            whole = f"{url.path.rstrip('/')}/v1/models/{self._task}{path}"
            connection.request(method, whole, body, {"content-type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read(_MOST_BYTES)
        finally:
            connection.close()


def _compare(slot: str, expected: list[Mapping[str, Any]], answers: list[Mapping[str, Any]]) -> None:
    if len(answers) != len(expected):
        raise InvalidArtifact(GOLDEN, f"{slot} gives {len(answers)} answers to {len(expected)} golden requests")
    for number, (wanted, said) in enumerate(zip(expected, answers, strict=True)):
        near = all(abs(said[name] - wanted[name]) <= GOLDEN_TOLERANCE for name in ("confidence", "score"))
        if said["label"] != wanted["label"] or not near:
            raise InvalidArtifact(GOLDEN, f"{slot} answers golden request {number} otherwise than in training")
