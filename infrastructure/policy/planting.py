"""How a fault is planted into what an overlay applies."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from infrastructure.policy.objects import Document, Rendered


class Twin(NamedTuple):
    """A fault planted into what an overlay applies, and the name of the finding that it must cause."""

    name: str
    caught_by: str
    plant: Callable[[Rendered], None]


def planted(twin: Twin, overlay: Rendered) -> Rendered:
    """A copy of the overlay with the fault in it.

    Raises:
        ValueError: the fault changed nothing, so that nothing could be caught.
    """
    made = Rendered(overlay.overlay, copy.deepcopy(list(overlay)))
    twin.plant(made)
    if list(made) == list(overlay):
        raise ValueError(f"{twin.name} plants nothing")
    return made


def changed(twin: Rendered, overlay: Rendered) -> Rendered:
    """What of a twin differs from the overlay, with the runtime and storage that its pods are made from."""
    base = [one for one in twin.of("ServingRuntime", "ClusterStorageContainer") if one in overlay]
    return Rendered(twin.overlay, [*base, *(one for one in twin if one not in overlay)])


def one(overlay: Rendered, kind: str, name: str) -> Document:
    """The object of that kind and name.

    Raises:
        LookupError: there is none: the twin is out of date.
    """
    found = overlay.named(kind, name)
    if found is None:
        raise LookupError(f"{kind} {name}")
    return found


def put(kind: str, name: str, *path: Any) -> Callable[[Rendered], None]:
    """Sets the last part of a path, the value, at the part before; None removes it."""
    *steps, last, value = path

    def plant(overlay: Rendered) -> None:
        node: Any = one(overlay, kind, name)
        for step in steps:
            node = node[step]
        if value is None:
            del node[last]
        else:
            node[last] = value

    return plant


def service(*path: Any) -> Callable[[Rendered], None]:
    """Sets a value below the spec of the door of job-change; None removes it."""
    return put("InferenceService", "job-change", "spec", *path)


def transformer(*path: Any) -> Callable[[Rendered], None]:
    """Sets a value in the container of its transformer; None removes it."""
    return service("transformer", "containers", 0, *path)


def runtime(*path: Any) -> Callable[[Rendered], None]:
    """Sets a value below the spec of the runtime; None removes it."""
    return put("ServingRuntime", "contender-onnx-v1", "spec", *path)


def slot(*path: Any) -> Callable[[Rendered], None]:
    """Sets a value in the idle slot of job-change; None removes it."""
    return put("InferenceService", "job-change-green", *path)


def add(kind: str, name: str, api: str, rest: Document) -> Callable[[Rendered], None]:
    """Adds an object of a kind, with a name and an apiVersion."""

    def plant(overlay: Rendered) -> None:
        metadata = {"name": name, "namespace": "contender"}
        overlay.append({"apiVersion": api, "kind": kind, "metadata": metadata, **rest})

    return plant


def drop(kind: str, name: str) -> Callable[[Rendered], None]:
    """Removes an object."""
    return lambda overlay: overlay.remove(one(overlay, kind, name))


def more(kind: str, name: str, *path: Any) -> Callable[[Rendered], None]:
    """Appends the last part of a path, the value, to the list that the rest leads to."""
    *steps, value = path

    def plant(overlay: Rendered) -> None:
        node: Any = one(overlay, kind, name)
        for step in steps:
            node = node[step]
        node.append(value)

    return plant


def env(name: str, value: str) -> Callable[[Rendered], None]:
    """Adds a variable to the transformer."""
    path = ("spec", "transformer", "containers", 0, "env")
    return more("InferenceService", "job-change", *path, {"name": name, "value": value})
