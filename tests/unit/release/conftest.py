"""Fakes of the release's ports, in one small world that can be stopped or made to fail at any call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from contender.errors import Conflict, DeadlineExceeded, InvalidRouting, NotFound, Unavailable
from contender.release.actions import Deadlines, Ports
from contender.release.approval import Approvals
from contender.release.executor import Release
from contender.routing import Routing
from contender.values import SLOTS, FallbackPolicy, ModelVersion

TASK = "job-change"


class Crash(BaseException):
    """The process ends here: no `except` for errors may see it."""


@dataclass
class Fuse:
    """Counts the places where the world is touched, and raises `error` at place number `at`."""

    at: int | None = None
    error: BaseException = field(default_factory=Crash)
    names: list[str] = field(default_factory=list)

    def place(self, name: str) -> None:
        self.names.append(name)
        if self.at is not None and len(self.names) - 1 == self.at:
            self.at = None
            raise self.error

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        self.place(f"before {name}")
        yield
        self.place(f"after {name}")


class FakeSlots:
    def __init__(self, fuse: Fuse) -> None:
        self.fuse, self.serving = fuse, {}  # type: Fuse, dict[str, str]
        self.refuses: set[str] = set()

    def prepare(self, slot: str, version: ModelVersion, *, deadline_s: float) -> None:
        with self.fuse.around(f"prepare {slot}"):
            if version.version in self.refuses:
                raise Unavailable(f"{slot} does not come up with version {version.version}")
            self.serving[slot] = version.version

    def serves(self, slot: str, version: ModelVersion) -> bool:
        with self.fuse.around(f"look at {slot}"):
            return self.serving.get(slot) == version.version

    def answers(self, slot: str) -> str | None:
        with self.fuse.around(f"ask {slot}"):
            return self.serving.get(slot)

    def retire(self, slot: str) -> None:
        with self.fuse.around(f"retire {slot}"):
            self.serving.pop(slot, None)


class FakeRouting:
    def __init__(self, fuse: Fuse) -> None:
        self.fuse = fuse
        self.current: Routing | None = None
        self.broken = self.late = False
        self.written: list[int] = []

    def read(self, task: str) -> Routing | None:
        if self.broken:
            raise InvalidRouting("routing", "not JSON")
        return self.current

    def write(self, routing: Routing, *, expected: int | None) -> None:
        with self.fuse.around("write routing"):
            found = None if self.broken or self.current is None else self.current.generation
            if found != expected:
                raise Conflict("somebody was faster")
            self.current, self.broken = routing, False
            self.written.append(routing.generation)

    def wait_applied(self, task: str, generation: int, *, deadline_s: float) -> None:
        with self.fuse.around("wait"):
            if self.late:
                raise DeadlineExceeded("a reader hangs")


class FakeRegistry:
    def __init__(self, fuse: Fuse) -> None:
        self.fuse = fuse
        self.pointers: dict[str, str] = {}
        self.tags = {"git": "a"}

    def version(self, task: str, ref: str) -> ModelVersion:
        number = self.pointers.get(ref, ref)
        if not number.isdigit():
            raise NotFound(f"no version {ref}")
        return ModelVersion(task, number, f"1.{number}.0", f"/models/{number}", number * 64, {"auc": 0.8}, self.tags)

    def aliases(self, task: str) -> Mapping[str, str]:
        return dict(self.pointers)

    def set_alias(self, task: str, alias: str, version: str | None) -> None:
        with self.fuse.around(f"alias {alias}"):
            self.pointers.pop(alias, None)
            if version is not None:
                self.pointers[alias] = version


class FakeStore:
    """Keeps JSON, as a database does: nothing that cannot be written down survives."""

    def __init__(self, fuse: Fuse) -> None:
        self.fuse = fuse
        self.release: str | None = None
        self.records: list[str] = []
        self.faster_rivals = self.pruned = 0

    def load_release(self, task: str) -> dict[str, Any] | None:
        return json.loads(self.release) if self.release else None

    def save_release(self, task: str, document: Mapping[str, Any], *, expected: int | None) -> None:
        with self.fuse.around("save"):
            found = self.load_release(task)
            if (found["revision"] if found else None) != expected:
                raise Conflict("the release moved on")
            self.release = json.dumps(document)

    def append_audit(self, task: str, record: Mapping[str, Any]) -> None:
        with self.fuse.around("audit"):
            if self.faster_rivals:
                self.faster_rivals -= 1
                raise Conflict("somebody appended first")
            assert record["sequence"] == self.pruned + len(self.records) + 1
            self.records.append(json.dumps(record))

    def audit(self, task: str) -> list[Mapping[str, Any]]:
        return [json.loads(record) for record in self.records]

    def prune_audit(self, task: str, through: int) -> int:
        with self.fuse.around("prune"):
            old = [record for record in self.records if json.loads(record)["sequence"] <= through]
            self.records = self.records[len(old) :]
            self.pruned += len(old)
            return len(old)


class FakeAnchors:
    def __init__(self, fuse: Fuse) -> None:
        self.fuse = fuse
        self.lines: list[Mapping[str, Any]] = []
        self.away = False

    def keep(self, task: str, anchor: Mapping[str, Any]) -> None:
        with self.fuse.around("anchor"):
            if self.away:
                raise Unavailable("nobody answers")
            if self.lines[-1:] != [anchor]:
                self.lines.append(anchor)

    def kept(self, task: str) -> list[Mapping[str, Any]]:
        return list(self.lines)


class Lab:
    """A world with two slots, a registry that knows every number, and a release of it."""

    Crash = Crash

    def __init__(self) -> None:
        self.fuse = Fuse()
        self.slots, self.routing = FakeSlots(self.fuse), FakeRouting(self.fuse)
        self.registry, self.store = FakeRegistry(self.fuse), FakeStore(self.fuse)
        self.anchors, self.approvals = FakeAnchors(self.fuse), Approvals()
        self.time = 1_000.0
        self.places = SLOTS

    def release(self, actor: str = "ada") -> Release:
        """A release as a new process would make it: it knows nothing but what is stored."""
        ports = Ports(self.slots, self.routing, self.registry, self.store, self.anchors, self.approvals, self.places)
        return Release(ports, TASK, FallbackPolicy(), clock=self.clock, actor=actor, deadlines=Deadlines(9.0, 1.0))

    def clock(self) -> float:
        self.time += 1.0
        return self.time

    def run(self, *calls: Callable[[Release], object]) -> Lab:
        for call in calls:
            call(self.release())
        return self

    def break_at(self, place: int | None, error: BaseException | None = None) -> None:
        self.fuse.at, self.fuse.error, self.fuse.names = place, error or Crash(), []

    def events(self) -> list[str]:
        return [str(record["event"]) for record in self.store.audit(TASK)]

    def seen(self) -> dict[str, Any]:
        """All that people and operators can see, without the counters that only ever grow."""
        state = replace(self.release().state(), revision=0, generation=0)
        routing = self.routing.current
        return {
            "state": state.to_document(),
            "arms": routing.arms if routing else None,
            "experiment": routing.experiment if routing else None,
            "suspended": routing.suspended if routing else None,
            "aliases": dict(self.registry.pointers),
            "slots": dict(self.slots.serving),
        }


@pytest.fixture
def make_lab() -> Callable[[], Lab]:
    return Lab


@pytest.fixture
def lab() -> Lab:
    return Lab()
