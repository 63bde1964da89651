"""The status for a page of a workflow, and single values of it for a shell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from contender.errors import InvalidInput

_PLAIN: Final = str.maketrans({"|": "\\|", "\n": " ", "<": "&lt;"})


def value_at(document: Mapping[str, Any], path: str) -> str:
    """The value at `path`, such as ``release.phase``: a text as it is, anything else as JSON; empty for nothing.

    Raises:
        InvalidInput: there is no such field.

    >>> value_at({"release": {"phase": "idle", "revision": 3}}, "release.phase")
    'idle'
    """
    found: Any = document
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            known = ", ".join(found) if isinstance(found, Mapping) else "none: its parent is a value or nothing"
            raise InvalidInput("--field", f"there is no {name!r} in {path!r}", remedy=f"known here: {known}")
        found = found[name]
    if found is None:
        return ""
    return found if isinstance(found, str) else json.dumps(found, default=str)


def markdown(document: Mapping[str, Any]) -> str:
    """Where the release stands: arms, verdict, and the way back."""
    return "\n".join(_lines(document))


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    routing = document["routing"]
    yield from (f"## {document['task']}: {document['release']['phase']}", "")
    yield from ("| arm | slot | version | share |", "|---|---|---|---|")
    for arm in routing["arms"] if routing else ():
        share = document["shares"][arm["name"]]
        yield f"| {arm['name']} | {arm['slot']} | {arm['version']} | {share:.0%} |"
    verdict = (document["experiment"] or {}).get("verdict") or {}
    reason = str(verdict.get("reason", "")).translate(_PLAIN)
    yield from ("", f"Verdict: {verdict.get('decision', 'none')}. {reason}".rstrip(), "")
    back = f"The way back: the workflow `rollback`, or `contender undo --task {document['task']}`."
    yield f"Routing generation {routing['generation'] if routing else 0}. {back}"
