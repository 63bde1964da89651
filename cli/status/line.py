"""The status as one line, for logs and pipes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from cli.status.health import diagnose
from cli.verdicts import interval_text


def line(document: Mapping[str, Any], at: float) -> str:
    """One line without colours: when (seconds since the epoch, shown in UTC), how it is, arms, verdict, message."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    found = diagnose(document)
    words = [moment, document["task"], found.health.text, document["release"]["phase"]]
    return " ".join([*words, *_arms(document), *_verdict(document["experiment"]), f"· {found.message}"])


def _arms(document: Mapping[str, Any]) -> Iterator[str]:
    for arm in document["routing"]["arms"] if document["routing"] else ():
        share = document["shares"][arm["name"]]
        requests = document["traffic"]["arms"].get(arm["name"], {"requests": 0})["requests"]
        yield f"{arm['name']}={arm['version']}@{arm['slot']}:{share:.0%},{requests}req"


def _verdict(experiment: Mapping[str, Any] | None) -> Iterator[str]:
    if experiment and experiment["verdict"]:
        verdict = experiment["verdict"]
        yield f"verdict={verdict['decision'].replace(' ', '-')}"
        if verdict["interval"]:
            yield f"effect={interval_text(verdict)}"
