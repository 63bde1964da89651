"""Asking a Prometheus server over its HTTP API."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from contender.errors import InvalidInput, Unavailable

TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Found:
    """One series: its labels, and its values by time (seconds since the epoch), oldest first; NaN is a value."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, and how far apart the points are; all in seconds."""

    since: float
    until: float
    step_s: float


class Prometheus:
    """A server at `url`, such as ``http://127.0.0.1:9090``."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise InvalidInput("--prometheus", f"must begin with http:// or https://, not {url!r}")
        self.url = url.rstrip("/")

    def over(self, expression: str, span: Span) -> list[Found]:
        """The series of `expression` over `span`.

        Raises:
            InvalidInput: the server does not understand the expression, with its words.
            Unavailable: the server does not answer.
        """
        found = self._ask(
            "query_range", {"query": expression, "start": span.since, "end": span.until, "step": span.step_s}
        )
        return [Found(one["metric"], _points(one["values"])) for one in found["result"]]

    def at(self, expression: str, moment: float) -> list[Found]:
        """The series of `expression` at one moment, a point each; raises as `over` does."""
        found = self._ask("query", {"query": expression, "time": moment})
        return [Found(one["metric"], _points([one["value"]])) for one in found["result"]]

    def values(self, selector: str, label: str, span: Span) -> list[str]:
        """The values that `label` has in the series of `selector`; raises as `over` does."""
        asked = {"match[]": selector, "start": span.since, "end": span.until}
        found: list[str] = self._ask(f"label/{label}/values", asked)
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that are pending or firing; raises as `over` does."""
        found: list[dict[str, Any]] = self._ask("alerts", {})["alerts"]
        return found

    def _ask(self, path: str, asked: Mapping[str, object]) -> Any:
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(asked)}"
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_S) as response:  # noqa: S310 - the scheme is checked
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            with error:
                body = error.read()
            if error.code == http.HTTPStatus.NOT_FOUND:
                message = f"what answers at {self.url} is no Prometheus"
                raise Unavailable(message, remedy="contender up --observe") from error
            raise InvalidInput("query", _reason(body)) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unavailable(f"no Prometheus answers at {self.url}", remedy="contender up --observe") from error


def _points(values: list[list[Any]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(at), float(value)) for at, value in values)


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return "is not understood"
