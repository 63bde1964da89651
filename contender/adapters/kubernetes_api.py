"""What is asked of a Kubernetes API and what its refusals mean; who carries the calls is told by the composition root.

Standard library only: the transformer imports this module.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from contender.errors import Conflict, ContenderError, InvalidInput, NotFound, Unavailable

JSON: Final = "application/json"
MERGE: Final = "application/merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"

MANAGER: Final = "contender-release"
"""The field manager in whose name releases write: nobody else may own the fields they state."""

MAX_BYTES: Final = 4 * 1024 * 1024
"""No object of ours, and no list of one slot's pods, comes near this size."""

_MOST_WORDS: Final = 500

Document = dict[str, Any]


class Gone(Conflict):
    """The history from which a watch was to resume is no longer kept: get the object anew."""


class Forbidden(Unavailable):
    """Whoever asks is not known, or may not do that: asking again changes nothing."""


class Api(Protocol):
    """A Kubernetes API and the namespace that is worked in."""

    @property
    def namespace(self) -> str:
        """The namespace of every path."""
        ...

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        kind: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Document:
        """The API's reply to one request.

        Raises:
            NotFound, Conflict, InvalidInput, Unavailable: as `refusal` says.
        """
        ...


def core_path(namespace: str, resource: str, name: str = "") -> str:
    """The path of a resource of the core group: config maps, pods."""
    return _path("api/v1", namespace, resource, name)


def group_path(group: str, namespace: str, resource: str, name: str = "") -> str:
    """The path of a resource of `group` (with its version, such as ``apps/v1``)."""
    return _path(f"apis/{group}", namespace, resource, name)


def refusal(status: int, content: bytes, subject: str) -> ContenderError:
    """The error that a reply of 4xx or 5xx about `subject` is to us."""
    said = f"{subject}: {_message(content) or f'the Kubernetes API answers {status}'}"
    if status == 404:
        return NotFound(said)
    if status == 409:
        return Conflict(said, remedy="another process was faster, or owns the field: look and try again")
    if status == 410:
        return Gone(said)
    if status in (401, 403):
        return Forbidden(said, remedy="grant the service account the Role of infrastructure/kubernetes")
    if status in (400, 415, 422):
        return InvalidInput("", said)
    return Unavailable(said)


def read_json(content: bytes, subject: str) -> Document:
    """The JSON object in `content`.

    Raises:
        Unavailable: something else is there.
    """
    try:
        document = json.loads(content)
    except ValueError as error:
        raise Unavailable(f"{subject}: the Kubernetes API answers without JSON") from error
    if not isinstance(document, dict):
        raise Unavailable(f"{subject}: the Kubernetes API answers without an object")
    return document


def field_of(document: object, *path: str) -> Any:
    """The value at `path`, or None where a part of the path is missing."""
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def _path(root: str, namespace: str, resource: str, name: str) -> str:
    return f"/{root}/namespaces/{namespace}/{resource}" + (f"/{name}" if name else "")


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["message"])[:_MOST_WORDS]
    except (ValueError, KeyError, TypeError):
        return ""
