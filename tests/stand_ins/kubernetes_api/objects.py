"""The objects of a Kubernetes API in memory, with the semantics that its clients rely on.

Resource versions, optimistic concurrency, create, replace, merge patch, JSON patch, server-side apply with field
managers and conflicts, status and scale subresources, a bounded history for watches. Lists inside objects are atomic.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]
Path = tuple[str, ...]

UNKNOWN = "unknown"
NOT_FOUND = 404


class ApiError(Exception):
    """A refusal of the API: an HTTP status, the reason as the API spells it, and a message."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message

    def document(self) -> Document:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": self.status,
            "reason": self.reason,
            "message": self.message,
        }


@contextmanager
def unless_deleted() -> Iterator[None]:
    """What a controller does whose object is deleted while it works on it: nothing more; the next round sees it."""
    try:
        yield
    except ApiError as error:
        if error.status != NOT_FOUND:
            raise


@dataclass(frozen=True, order=True)
class Key:
    """What names an object: the group and version, the resource, the namespace, the name."""

    api: str
    resource: str
    namespace: str
    name: str


@dataclass
class Stored:
    document: Document
    owners: dict[str, set[Path]] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    version: int
    type: str
    key: Key
    document: Document


class Objects:
    """All objects of a cluster. `changed` is notified after every change; `keep` is how many events are remembered."""

    def __init__(self, keep: int = 1_000) -> None:
        self._stored: dict[Key, Stored] = {}
        self._events: list[Event] = []
        self._keep = keep
        self.version = 100
        self.compacted = 100
        self.changed = threading.Condition(threading.RLock())

    def trial(self, key: Key) -> Objects:
        """A copy of the object at `key`, for what is tried and not kept."""
        with self.changed:
            made = Objects()
            made._stored = {key: copy.deepcopy(self._stored[key])} if key in self._stored else {}
            made.version = self.version
            return made

    def get(self, key: Key) -> Document:
        with self.changed:
            return copy.deepcopy(self._found(key).document)

    def has(self, key: Key) -> bool:
        with self.changed:
            return key in self._stored

    def listed(self, api: str, resource: str, namespace: str) -> tuple[list[Document], int]:
        with self.changed:
            same = (key for key in self._stored if (key.api, key.resource) == (api, resource))
            keys = sorted(key for key in same if namespace in ("", key.namespace))
            return [copy.deepcopy(self._stored[key].document) for key in keys], self.version

    def create(self, key: Key, document: Document, manager: str = UNKNOWN) -> Document:
        with self.changed:
            if key in self._stored:
                raise ApiError(409, "AlreadyExists", f'{key.resource} "{key.name}" already exists')
            if document.get("metadata", {}).get("resourceVersion"):
                raise ApiError(400, "BadRequest", "resourceVersion should not be set on objects to be created")
            made = copy.deepcopy(document)
            made.setdefault("metadata", {}).update(name=key.name, namespace=key.namespace, uid=f"uid-{self.version}")
            made["metadata"]["generation"] = 1
            self._stored[key] = Stored(made, {manager: set(_leaves(_owned(made)))})
            return self._bump(key, "ADDED")

    def replace(self, key: Key, document: Document, manager: str = UNKNOWN) -> Document:
        with self.changed:
            self._check_version(key, document)
            made = copy.deepcopy(document)
            made.pop("status", None)
            return self._commit(key, made | _status(self._found(key).document), manager)

    def merge(self, key: Key, patch: Document, manager: str = UNKNOWN, subresource: str = "") -> Document:
        with self.changed:
            self._check_version(key, patch)
            before = self._found(key).document
            patched = _merged(before, patch)
            if subresource == "status":
                return self._commit(key, before | {"status": patched.get("status", {})}, manager)
            if subresource == "scale":
                spec = {**before.get("spec", {}), "replicas": patch["spec"]["replicas"]}
                return self._commit(key, before | {"spec": spec}, manager)
            return self._commit(key, {k: v for k, v in patched.items() if k != "status"} | _status(before), manager)

    def json_patch(self, key: Key, operations: list[Document], manager: str = UNKNOWN) -> Document:
        with self.changed:
            made = copy.deepcopy(self._found(key).document)
            for operation in operations:
                _operate(made, operation)
            self._check_version(key, made)
            return self._commit(key, made, manager)

    def apply(self, key: Key, wanted: Document, manager: str, *, force: bool) -> Document:
        """Server-side apply: `manager` states all that it wants; what it stated before and no longer does goes."""
        with self.changed:
            intent = _owned(wanted)
            if key not in self._stored:
                return self.create(key, wanted, manager)
            self._check_version(key, wanted)
            stored = self._stored[key]
            values = dict(_leaves_with_values(intent))
            conflicts = self._conflicts(stored, values, manager)
            if conflicts and not force:
                told = ", ".join(f'conflict with "{owner}": .{".".join(path)}' for path, owner in conflicts)
                raise ApiError(409, "Conflict", f"Apply failed with {len(conflicts)} conflict(s): {told}")
            for path, owner in conflicts:
                stored.owners[owner].discard(path)
            made = _merged(stored.document, intent)
            for path in stored.owners.get(manager, set()) - values.keys():
                if not any(path in owned for other, owned in stored.owners.items() if other != manager):
                    _delete(made, path)
            stored.owners[manager] = set(values)
            return self._commit(key, made, None)

    def hand_over(self, key: Key, prefix: str, manager: str) -> None:
        """Let `manager` own what managers of a name with that prefix own: how a controller takes fields back."""
        with self.changed:
            owners = self._found(key).owners
            for name in [one for one in owners if one.startswith(prefix)]:
                owners.setdefault(manager, set()).update(owners.pop(name))

    def delete(self, key: Key) -> Document:
        with self.changed:
            document = self._found(key).document
            self.version += 1
            document["metadata"]["resourceVersion"] = str(self.version)
            self._remember(Event(self.version, "DELETED", key, copy.deepcopy(document)))
            del self._stored[key]
            return document

    def compact(self) -> None:
        """Forget all history: a watch that resumes from before is told 410."""
        with self.changed:
            self._events.clear()
            self.compacted = self.version
            self.changed.notify_all()

    def since(self, version: int) -> list[Event]:
        """The events after `version`; 410 when they are no longer all known. The caller holds `changed`."""
        if version < self.compacted:
            raise ApiError(410, "Expired", f"too old resource version: {version} ({self.compacted})")
        return [event for event in self._events if event.version > version]

    def managers(self, key: Key) -> dict[str, set[Path]]:
        with self.changed:
            return copy.deepcopy(self._found(key).owners)

    def _found(self, key: Key) -> Stored:
        if key not in self._stored:
            raise ApiError(404, "NotFound", f'{key.resource} "{key.name}" not found')
        return self._stored[key]

    def _check_version(self, key: Key, document: Mapping[str, Any]) -> None:
        wanted = document.get("metadata", {}).get("resourceVersion")
        there = self._found(key).document["metadata"]["resourceVersion"]
        if wanted is not None and wanted != there:
            message = f'Operation cannot be fulfilled on {key.resource} "{key.name}": the object has been modified'
            raise ApiError(409, "Conflict", message)

    def _conflicts(self, stored: Stored, values: Mapping[Path, object], manager: str) -> list[tuple[Path, str]]:
        return [
            (path, owner)
            for owner, owned in stored.owners.items()
            if owner != manager
            for path in sorted(owned & values.keys())
            if _value(stored.document, path) != values[path]
        ]

    def _commit(self, key: Key, made: Document, manager: str | None) -> Document:
        stored = self._stored[key]
        before = stored.document
        made["metadata"] = {**before["metadata"], **made.get("metadata", {})}
        if made == before:
            return copy.deepcopy(before)  # a write that changes nothing has no event and no new version
        if manager is not None:
            old, new = dict(_leaves_with_values(_owned(before))), dict(_leaves_with_values(_owned(made)))
            changed = {path for path in new if old.get(path) != new[path]}
            for owned in stored.owners.values():
                owned.difference_update(changed | (old.keys() - new.keys()))
            stored.owners.setdefault(manager, set()).update(changed)
        made["metadata"]["generation"] = before["metadata"]["generation"] + (made.get("spec") != before.get("spec"))
        stored.document = made
        return self._bump(key, "MODIFIED")

    def _bump(self, key: Key, kind: str) -> Document:
        self.version += 1
        document = self._stored[key].document
        document["metadata"]["resourceVersion"] = str(self.version)
        self._remember(Event(self.version, kind, key, copy.deepcopy(document)))
        return copy.deepcopy(document)

    def _remember(self, event: Event) -> None:
        self._events.append(event)
        while len(self._events) > self._keep:
            self.compacted = self._events.pop(0).version
        self.changed.notify_all()


def _owned(document: Mapping[str, Any]) -> Document:
    """What a manager can own: all but identity, status and what the server fills in."""
    metadata = {k: v for k, v in document.get("metadata", {}).items() if k in ("labels", "annotations")}
    rest = {k: v for k, v in document.items() if k not in ("apiVersion", "kind", "metadata", "status")}
    return copy.deepcopy(rest | ({"metadata": metadata} if metadata else {}))


def _status(document: Mapping[str, Any]) -> Document:
    return {"status": copy.deepcopy(document["status"])} if "status" in document else {}


def _leaves_with_values(document: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves_with_values(value, (*path, name))
        else:
            yield (*path, name), value


def _leaves(document: Mapping[str, Any]) -> Iterator[Path]:
    return (path for path, _ in _leaves_with_values(document))


def _value(document: Mapping[str, Any], path: Path) -> Any:
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _merged(old: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    made = dict(copy.deepcopy(old)) if isinstance(old, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = _merged(made.get(name), value)
    return made


def _delete(document: Document, path: Path) -> None:
    parents = [document]
    for name in path[:-1]:
        if not isinstance(parents[-1].get(name), dict):
            return
        parents.append(parents[-1][name])
    parents[-1].pop(path[-1], None)
    for parent, name in zip(reversed(parents[:-1]), reversed(path[:-1]), strict=True):
        if parent[name] == {}:
            del parent[name]


def _operate(document: Document, operation: Mapping[str, Any]) -> None:
    """RFC 6902: test, add, replace, remove; on objects only."""
    *way, last = (part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:])
    parent = document
    for name in way:
        parent = parent.setdefault(name, {}) if operation["op"] == "add" else parent[name]
    actions: dict[str, Callable[[], None]] = {
        "add": lambda: parent.__setitem__(last, operation["value"]),
        "replace": lambda: parent.__setitem__(last, operation["value"]),
        "remove": lambda: parent.__delitem__(last),
        "test": lambda: _test(parent.get(last), operation["value"]),
    }
    actions[operation["op"]]()


def _test(there: object, expected: object) -> None:
    if there != expected:
        raise ApiError(422, "Invalid", f"the server rejected our request: testing value failed, found {there!r}")
