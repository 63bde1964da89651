"""What a check finds, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from contender.adapters.kubernetes_api import Api, Document, Forbidden, field_of
from contender.adapters.kubernetes_manifests import Manifests
from contender.errors import NotFound


class State(StrEnum):
    """How bad a finding is: `failed` stops an installation, `warning` does not."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is, and what to do about it. `installed` marks what an installation makes."""

    name: str
    state: State
    found: str
    remedy: str = ""
    installed: bool = False


@dataclass(frozen=True)
class Look:
    """The cluster, the manifests that are meant for it, and the clock of this machine (seconds since 1970)."""

    api: Api
    manifests: Sequence[Document]
    now: Callable[[], float]
    served: Manifests = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "served", Manifests(self.api))

    def get(self, path: str) -> Document | None:
        """The object or list at `path`; None where there is none."""
        try:
            return self.api.call("GET", path)
        except NotFound:
            return None

    def items(self, path: str) -> list[Document]:
        """The objects of the list at `path`; none where the API does not know their kind."""
        return list((self.get(path) or {}).get("items") or ())

    def of_kind(self, *kinds: str) -> list[Document]:
        """The manifests of these kinds."""
        return [one for one in self.manifests if one["kind"] in kinds]

    @cached_property
    def namespaces(self) -> list[str]:
        """The namespaces that the manifests put something into."""
        return sorted({str(name) for one in self.manifests if (name := field_of(one, "metadata", "namespace"))})

    @cached_property
    def missing_namespaces(self) -> set[str]:
        """Those of them that are not there yet."""
        return {name for name in self.namespaces if self.get(f"/api/v1/namespaces/{name}") is None}


class Check(NamedTuple):
    """A check by its name, which is also its finding's where it cannot look."""

    name: str
    look: Callable[[Look], Iterator[Finding]]


def findings(checks: Sequence[Check], look: Look) -> list[Finding]:
    """What all `checks` find; what the caller may not look at is a warning.

    Raises:
        Unavailable: the API does not answer.
    """
    return [finding for check in checks for finding in _found(check, look)]


def _found(check: Check, look: Look) -> list[Finding]:
    try:
        return list(check.look(look))
    except Forbidden as error:
        return [Finding(check.name, State.WARNING, f"not looked at: {error.message}", "ask as an administrator")]


def value(document: Any, *path: str, default: str = "") -> str:
    """The text at `path`, or `default`."""
    found = field_of(document, *path)
    return default if found is None else str(found)
