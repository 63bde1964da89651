"""Release states and audit records in a real database, and the races that it has to settle."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fresh_processes import context, exit_code, started
from contender.adapters.routing_file import RoutingFile
from contender.adapters.store_sql import Store
from contender.errors import Conflict, Refused
from contender.release import audit
from contender.release.actions import Ports
from contender.release.executor import Release
from contender.routing import Routing
from contender.values import FallbackPolicy, ModelVersion

TASK = "job-change"


class ReadySlots:
    """Slots in which every version is ready at once."""

    def __init__(self) -> None:
        self.serving: dict[str, str] = {}

    def prepare(self, slot: str, version: ModelVersion, *, deadline_s: float) -> None:
        self.serving[slot] = version.version

    def serves(self, slot: str, version: ModelVersion) -> bool:
        return self.serving.get(slot) == version.version

    def answers(self, slot: str) -> str | None:
        return self.serving.get(slot)

    def retire(self, slot: str) -> None:
        self.serving.pop(slot, None)


class EveryVersion:
    """A registry that has every version, and forgets aliases."""

    def version(self, task: str, ref: str) -> ModelVersion:
        return ModelVersion(task, ref, "1.0.0", f"/models/{ref}", ref)

    def aliases(self, task: str) -> Mapping[str, str]:
        return {}

    def set_alias(self, task: str, alias: str, version: str | None) -> None:
        pass


@dataclass
class Fuse:
    """Kills its own process, as nothing can be caught, at place number `at` where the world is touched."""

    at: int = -1
    places: int = 0

    def place(self) -> None:
        if self.places == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.places += 1


class FusedStore(Store):
    """A store that burns a fuse."""

    def __init__(self, url: str, fuse: Fuse) -> None:
        super().__init__(url, clock=lambda: 1.0)
        self.fuse = fuse

    def save_release(self, task: str, document: Mapping[str, Any], *, expected: int | None) -> None:
        self.fuse.place()
        super().save_release(task, document, expected=expected)
        self.fuse.place()

    def append_audit(self, task: str, record: Mapping[str, Any]) -> None:
        self.fuse.place()
        super().append_audit(task, record)
        self.fuse.place()


class FusedRouting(RoutingFile):
    """A routing file that burns a fuse."""

    def __init__(self, folder: Path, fuse: Fuse) -> None:
        super().__init__(folder)
        self.fuse = fuse

    def write(self, routing: Routing, *, expected: int | None) -> None:
        self.fuse.place()
        super().write(routing, expected=expected)
        self.fuse.place()


def folder_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///")).parent / "routing"


def release_of(url: str, slots: ReadySlots, actor: str, fuse: Fuse | None = None) -> Release:
    """A release as a process of its own would open it."""
    fuse = fuse or Fuse()
    ports = Ports(slots, FusedRouting(folder_of(url), fuse), EveryVersion(), FusedStore(url, fuse))
    return Release(ports, TASK, FallbackPolicy(), clock=lambda: 1.0, actor=actor)


def experimenting(url: str, slots: ReadySlots) -> None:
    opener = release_of(url, slots, "opener")
    opener.install("7")
    opener.prepare("8")
    opener.start("e1", "salt", (0.5,))


def promoted_by(number: int, url: str, slots: ReadySlots, gate: Barrier, answers: SimpleQueue[str]) -> None:
    """Promote when all are there, and say what became of it."""
    gate.wait(60)
    try:
        release_of(url, slots, f"rival {number}").promote("digest", "mine")
    except (Conflict, Refused):
        answers.put("lost")
    else:
        answers.put("won")


def in_processes(count: int, url: str, slots: ReadySlots) -> list[str]:
    """What `count` processes say that promote at the same moment."""
    gate, answers = context().Barrier(count), context().SimpleQueue()
    workers = [started(promoted_by, number, url, slots, gate, answers) for number in range(count)]
    assert [exit_code(worker, 90) for worker in workers] == [0] * count
    return [answers.get() for _ in workers]


def test_a_state_is_replaced_by_compare_and_swap(store: Store) -> None:
    assert store.load_release(TASK) is None
    store.save_release(TASK, {"revision": 1, "phase": "idle"}, expected=None)
    store.save_release("job-role", {"revision": 1}, expected=None)
    store.save_release(TASK, {"revision": 2, "phase": "prepared"}, expected=1)
    assert store.load_release(TASK) == {"revision": 2, "phase": "prepared"}
    for expected in (None, 1, 3):
        with pytest.raises(Conflict):
            store.save_release(TASK, {"revision": 9}, expected=expected)
    assert store.load_release(TASK) == {"revision": 2, "phase": "prepared"}
    with pytest.raises(Conflict):
        store.save_release("matching", {"revision": 2}, expected=1)


def test_records_follow_each_other(store: Store) -> None:
    assert store.audit(TASK) == []
    for sequence in (1, 2):
        store.append_audit(TASK, {"sequence": sequence, "event": "step"})
    for sequence in (0, 1, 2, 4):
        with pytest.raises(Conflict, match="does not follow: expected 3"):
            store.append_audit(TASK, {"sequence": sequence})
    assert [record["sequence"] for record in store.audit(TASK)] == [1, 2]
    store.append_audit("job-role", {"sequence": 1})


@pytest.mark.parametrize("attempt", range(5))
def test_of_eight_promoters_one_wins_and_all_are_audited(file_url: str, attempt: int) -> None:
    slots = ReadySlots()
    experimenting(file_url, slots)

    assert sorted(in_processes(8, file_url, slots)) == ["lost"] * 7 + ["won"]
    records = release_of(file_url, slots, "auditor").records()
    assert [record["event"] for record in records].count("promote") == 1
    assert [record["event"] for record in records].count("promote refused") == 7
    assert audit.verify(records) == []
    routing = RoutingFile(folder_of(file_url)).read(TASK)
    assert routing
    assert (routing.generation, routing.arms[0].version) == (3, "8")


def killed(url: str, slots: ReadySlots, at: int) -> bool:
    """Promote in a process that is killed at place number `at`; whether it got that far."""
    return exit_code(started(promote_until, url, slots, at), 60) == -signal.SIGKILL


def promote_until(url: str, slots: ReadySlots, at: int) -> None:
    release_of(url, slots, "doomed", Fuse(at)).promote("digest", "it wins")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["resume", "undo"])
def test_a_promotion_killed_at_any_place_is_finished_or_undone_whole(tmp_path: Path, way: str) -> None:
    at = 0
    while True:
        url, slots = f"sqlite:///{tmp_path}/{at}/store.db", ReadySlots()
        experimenting(url, slots)
        if not killed(url, slots, at):
            break
        heir = release_of(url, slots, "heir")
        state = heir.resume() if way == "resume" else heir.undo("rather not")
        promoted = way == "resume" and at > 0
        routing = RoutingFile(folder_of(url)).read(TASK)
        assert routing
        assert state.change is None
        assert [arm.version for arm in routing.arms] == (
            ["8"] if promoted else ["7", "8"] if way == "resume" else ["7"]
        )
        assert [found["event"] for found in heir.records()].count("promote") == (at > 2 if way == "undo" else at > 0)
        assert audit.verify(heir.records()) == []
        at += 1
    assert at >= 20
