"""A release in a folder: real store, routing file and anchors, slots and aliases as files, and a fuse at every touch.

Nothing lives in memory only, so that a process may be stopped anywhere and another one goes on. Used by
``benchmarks.release`` and by the integration tests.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from benchmarks.fresh_processes import exit_code, started
from contender.adapters.anchor_file import AnchorFiles
from contender.adapters.routing_file import RoutingFile
from contender.adapters.store_sql import Store
from contender.errors import Refused
from contender.release import audit
from contender.release.actions import Ports
from contender.release.approval import Approvals
from contender.release.executor import Release
from contender.values import FallbackPolicy, ModelVersion

TASK: Final = "job-change"
NOW: Final = 1_750_000_000.0
STOPPED: Final = 77
"""The exit code of a process that stopped itself by `os._exit`."""

Way = Literal["exception", "exit", "kill"]
WAYS: Final[tuple[Way, ...]] = ("exception", "exit", "kill")
Call = Callable[[Release], object]

_CHANGES: Final = frozenset(
    {"save_release", "append_audit", "keep", "write", "wait_applied", "prepare", "retire", "set_alias"}
)


class Stopped(BaseException):
    """The process ends here: no `except` for errors may see it."""


@dataclass
class Fuse:
    """Stops the process in the given way at place number `at` where the world is touched; counts the places."""

    at: int | None = None
    way: Way = "exception"
    names: list[str] = field(default_factory=list)

    def place(self, name: str) -> None:
        """One more place: here the process may end."""
        self.names.append(name)
        if len(self.names) - 1 == self.at:
            _stop(self.way)


def _stop(way: Way) -> None:
    if way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "exit":
        os._exit(STOPPED)
    raise Stopped


class _Fused:
    """A port whose changes burn a fuse before and after they happen."""

    def __init__(self, port: object, fuse: Fuse) -> None:
        self._port, self._fuse = port, fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name not in _CHANGES:
            return method

        def burning(*args: Any, **named: Any) -> Any:
            self._fuse.place(f"before {name}")
            result = method(*args, **named)
            self._fuse.place(f"after {name}")
            return result

        return burning


class FolderSlots:
    """Slots in which every version is ready at once: a file a slot."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def prepare(self, slot: str, version: ModelVersion, *, deadline_s: float) -> None:
        """Serve `version`."""
        del deadline_s
        (self._folder / slot).write_text(version.version)

    def serves(self, slot: str, version: ModelVersion) -> bool:
        """Whether it is `version` that is served."""
        return self.answers(slot) == version.version

    def answers(self, slot: str) -> str | None:
        """The version that is served."""
        path = self._folder / slot
        return path.read_text() if path.exists() else None

    def retire(self, slot: str) -> None:
        """Serve nothing."""
        (self._folder / slot).unlink(missing_ok=True)

    def serving(self) -> dict[str, str]:
        """Slot to version."""
        return {path.name: path.read_text() for path in sorted(self._folder.iterdir())}


class FolderRegistry:
    """A registry that has every version; aliases in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def version(self, task: str, ref: str) -> ModelVersion:
        """The version of that number."""
        return ModelVersion(task, ref, f"1.{ref}.0", f"/models/{ref}", ref * 8)

    def aliases(self, task: str) -> Mapping[str, str]:
        """Alias to version."""
        del task
        found: dict[str, str] = json.loads(self._path.read_text()) if self._path.exists() else {}
        return found

    def set_alias(self, task: str, alias: str, version: str | None) -> None:
        """Move or remove an alias."""
        others = {name: number for name, number in self.aliases(task).items() if name != alias}
        self._path.write_text(json.dumps(others | ({alias: version} if version else {})))


class Lab:
    """Everything of one release under `folder`, as a new process finds it."""

    def __init__(self, folder: Path, approvals: Approvals = Approvals()) -> None:  # noqa: B008 - frozen
        self.folder, self.approvals = folder, approvals
        self.store = Store(f"sqlite:///{folder / 'store.db'}", clock=lambda: NOW)
        self.routing = RoutingFile(folder / "routing")
        self.slots, self.registry = FolderSlots(folder / "slots"), FolderRegistry(folder / "aliases.json")
        self.anchors = AnchorFiles(folder / "anchors")

    def release(self, actor: str = "ada", fuse: Fuse | None = None) -> Release:
        """The release in the name of `actor`, stopped by `fuse`."""
        fuse = fuse or Fuse()

        def fused(port: object) -> Any:
            return _Fused(port, fuse)

        ports = Ports(
            slots=fused(self.slots),
            routing=fused(self.routing),
            registry=fused(self.registry),
            store=fused(self.store),
            anchors=fused(self.anchors),
            approvals=self.approvals,
        )
        return Release(ports, TASK, FallbackPolicy(), clock=lambda: NOW, actor=actor)

    def run(self, *calls: Call) -> Lab:
        """Make each of `calls`, as processes one after the other would."""
        for call in calls:
            call(self.release())
        return self

    def events(self) -> list[str]:
        """What the audit trail tells, oldest first."""
        return [str(record["event"]) for record in self.store.audit(TASK)]

    def faults(self) -> list[str]:
        """What is wrong with the audit trail."""
        return audit.verify(self.store.audit(TASK), self.anchors.kept(TASK))

    def seen(self) -> dict[str, Any]:
        """All that people and operators can see, without the counters that only ever grow."""
        state = replace(self.release().state(), revision=0, generation=0)
        routing = self.routing.read(TASK)
        return {
            "state": state.to_document(),
            "routing": (routing.arms, routing.experiment, routing.suspended) if routing else None,
            "aliases": dict(self.registry.aliases(TASK)),
            "slots": self.slots.serving(),
        }

    def copy(self, folder: Path) -> Lab:
        """The same world in another folder. Nothing may be using this one."""
        self.store.close()
        shutil.copytree(self.folder, folder)
        return Lab(folder, self.approvals)

    def close(self) -> None:
        """Remove it."""
        self.store.close()
        shutil.rmtree(self.folder)


def install(release: Release) -> object:
    """Version 7 serves everyone."""
    return release.install("7")


def prepare(release: Release) -> object:
    """Version 8 in the other slot."""
    return release.prepare("8")


def start(release: Release) -> object:
    """It gets a tenth of the people."""
    return release.start("e1", "salt", (0.1, 0.5))


def step(release: Release) -> object:
    """It gets half of them."""
    return release.step()


def promote(release: Release) -> object:
    """It gets everyone."""
    return release.promote("digest", "it wins")


def bake(release: Release) -> object:
    """It gets everyone and is watched."""
    return release.promote("digest", "it wins", bake=True)


def baked(release: Release) -> object:
    """It was watched for long enough."""
    return release.baked()


def undo(release: Release) -> object:
    """Back to the version before."""
    return release.undo("no")


def abort(release: Release) -> object:
    """The challenger is given up."""
    return release.abort("no")


def finish(release: Release) -> object:
    """The rollback window ends."""
    return release.finish()


def suspend(release: Release) -> object:
    """The kill switch."""
    return release.suspend("stop")


def lift(release: Release) -> object:
    """… released."""
    return release.lift("go on")


def resume(release: Release) -> object:
    """What was left unfinished is finished."""
    return release.resume()


class Story(NamedTuple):
    """A transition to be stopped: what came before, the transition itself, and the other ways to go on after it."""

    before: tuple[Call, ...]
    call: Call
    ways_on: tuple[Call, ...] = ()

    @property
    def name(self) -> str:
        """The calls in order."""
        return "-".join(call.__name__ for call in (*self.before, self.call))


_RUNNING: Final = (install, prepare, start)
STORIES: Final = (
    Story((), install),
    Story((install,), prepare, (abort,)),
    Story((install, prepare), start, (abort, suspend)),
    Story((install, prepare), abort),
    Story(_RUNNING, step, (undo, abort, suspend)),
    Story(_RUNNING, promote, (undo, suspend)),
    Story(_RUNNING, bake, (undo, abort, suspend)),
    Story(_RUNNING, undo),
    Story(_RUNNING, abort),
    Story(_RUNNING, suspend, (undo, abort)),
    Story((*_RUNNING, bake), baked, (undo, suspend)),
    Story((*_RUNNING, bake), undo, (suspend,)),
    Story((*_RUNNING, bake), abort),
    Story((*_RUNNING, promote), undo, (suspend,)),
    Story((*_RUNNING, promote), finish, (undo,)),
    Story((*_RUNNING, promote, finish), undo),
    Story((*_RUNNING, suspend), lift, (suspend,)),
)


class End(NamedTuple):
    """How a run ends: all that can be seen, and the audit trail's events."""

    seen: dict[str, Any]
    events: list[str]


class Matrix:
    """One story, stopped at every place in every way, from copies of one template under `folder`."""

    def __init__(self, story: Story, folder: Path) -> None:
        self.story, self._folder, self._count = story, folder / story.name, 0
        self._template = Lab(self._folder / "template").run(*story.before)
        self._golden: dict[tuple[Call, ...], End] = {}
        self.places = self._places()

    def fault(self, at: int, way: Way, on: Call) -> str:
        """What is wrong after a stop at place `at` in that way and going on by `on`; an empty text if nothing is."""
        lab = self._copy()
        if not _stopped(lab, self.story.call, Fuse(at, way)):
            return f"{self.story.name}: was not stopped at {self.places[at]} by {way}"
        heir = Lab(lab.folder)
        with suppress(Refused):
            on(heir.release())
        ended, broken = End(heir.seen(), heir.events()), heir.faults()
        heir.close()
        wrong = broken or ([] if self._accepted(at, on, ended) else [f"is neither old nor new: {ended}"])
        return f"{self.story.name}, {self.places[at]}, {way}, {on.__name__}: {wrong[0]}" if wrong else ""

    def _accepted(self, at: int, on: Call, ended: End) -> bool:
        """Resumed, there is exactly one right end; by another way two worlds, told with or without what was stopped."""
        before, call = self.story.before, self.story.call
        if on is resume:
            return ended == self._end_of(before if at == 0 else (*before, call))
        worlds = [self._end_of((*before, on)), self._end_of((*before, call, on))]
        told = self._end_of(before).events
        stopped = self._end_of((*before, call)).events
        tales = [golden.events for golden in worlds] + [events + worlds[-1].events[-1:] for events in (told, stopped)]
        return any(ended.seen == golden.seen for golden in worlds) and ended.events in tales

    def _end_of(self, calls: tuple[Call, ...]) -> End:
        if calls not in self._golden:
            lab = Lab(self._folder / f"golden{len(self._golden)}")
            with suppress(Refused):
                lab.run(*calls)
            self._golden[calls] = End(lab.seen(), lab.events())
            lab.close()
        return self._golden[calls]

    def _places(self) -> Sequence[str]:
        fuse, lab = Fuse(), self._copy()
        self.story.call(lab.release(fuse=fuse))
        lab.close()
        return fuse.names

    def _copy(self) -> Lab:
        self._count += 1
        return self._template.copy(self._folder / str(self._count))


def _stopped(lab: Lab, call: Call, fuse: Fuse) -> bool:
    """Whether `call` ended at the fuse's place, in a process of its own unless by an exception."""
    if fuse.way == "exception":
        try:
            call(lab.release(fuse=fuse))
        except Stopped:
            lab.store.close()
            return True
        return False
    lab.store.close()
    code = exit_code(started(_call, lab.folder, call, fuse), 60)
    return code == (STOPPED if fuse.way == "exit" else -signal.SIGKILL)


def _call(folder: Path, call: Call, fuse: Fuse) -> None:
    call(Lab(folder).release(fuse=fuse))
