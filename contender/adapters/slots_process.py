"""Slots as local processes: asks the supervisor for versions, and believes the slots' own answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from contender.adapters.addresses import tellable
from contender.adapters.artifact_places import found_below
from contender.adapters.supervisor.control import observed
from contender.adapters.supervisor.documents import (
    PLACES,
    Desired,
    Observed,
    Refusal,
    RunFolder,
    Wanted,
    desired_bytes,
    parse_desired,
)
from contender.adapters.supervisor.files import locked, replace_file
from contender.adapters.supervisor.probe import Answer, ask
from contender.errors import DeadlineExceeded, InvalidArtifact, InvalidInput, Unavailable
from contender.values import ModelVersion

_ASK_S: Final = 1.0
_PAUSE_S: Final = 0.03
_RETIRE_S: Final = 30.0


class ProcessSlots:
    """The slots ``blue`` and ``green``, and ``baseline``, of one task under one home folder.

    `clock` tells seconds that only grow; `sleep` takes seconds. `artifacts` is the folder where artifacts are kept, the
    home's own unless stated: an artifact is found there wherever its home was when it was released. Any number of these
    may work at once, in any number of processes.
    """

    def __init__(
        self,
        home: Path,
        task: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        artifacts: str = "",
    ) -> None:
        self._folder, self._artifacts = RunFolder(home, task), artifacts or str(home / "artifacts")
        self._clock, self._sleep = clock, sleep

    def prepare(self, slot: str, version: ModelVersion, *, deadline_s: float) -> None:
        """Serve `version` in `slot`: return once the slot itself answers with exactly that version and digest.

        A slot that already does is left alone. A model server answers only once its golden requests
        hold. On failure the slot is asked again for what it was asked before.

        Raises:
            Unavailable: the supervisor is away or the version does not start, with the slot's own reason.
            DeadlineExceeded: not within `deadline_s`.
            InvalidInput: the artifact is not kept in a folder.
            InvalidArtifact: the artifact is not the one that `version` names; what was served before still is.
        """
        deadline = self._clock() + deadline_s
        _check(slot)
        self._alive()
        wanted = self._wanted(version)
        if self._goes_on(slot, wanted):
            return
        before, asked = self._ask_for(slot, wanted)
        try:
            self._await(slot, asked, deadline)
        except (Unavailable, InvalidArtifact):
            self._take_back(slot, asked, before)
            raise

    def serves(self, slot: str, version: ModelVersion) -> bool:
        """Whether `slot` is to serve that version and answers with its version and digest; False when nothing is up."""
        _check(slot)
        is_up = observed(self._folder.home, self._folder.task) is not None
        return is_up and self._goes_on(slot, self._wanted(version))

    def answers(self, slot: str) -> str | None:
        """The version that `slot` answers with now, or None when it does not answer."""
        _check(slot)
        seen = observed(self._folder.home, self._folder.task)
        answer = self._answer(slot, seen) if seen else None
        return answer.version if answer else None

    def retire(self, slot: str) -> None:
        """Stop serving in `slot`: return once it no longer answers. Idempotent; needs no supervisor.

        Raises:
            DeadlineExceeded: the slot still answers after half a minute.
        """
        _check(slot)
        deadline = self._clock() + _RETIRE_S
        with locked(self._folder.desired_lock):
            desired = self._desired()
            generation = desired.generation if desired.slots.get(slot) is None else self._write(slot, None)
        while (seen := observed(self._folder.home, self._folder.task)) is not None:
            if seen.generation >= generation and seen.process(slot) is None:
                return
            if self._clock() >= deadline:
                raise DeadlineExceeded(f"{slot} still serves {self._folder.task} after {_RETIRE_S:g} s")
            self._sleep(_PAUSE_S)

    def _wanted(self, version: ModelVersion) -> Wanted:
        artifact = found_below(self._artifacts, version.task, version.artifact)
        if "://" in artifact:
            problem = (
                f"version {version.version} is kept at {tellable(artifact)}, which slots of one machine do not read"
            )
            raise InvalidInput("CONTENDER_ARTIFACT_ROOT", problem, remedy="keep artifacts in a folder: leave it unset")
        return Wanted(version.version, str(Path(artifact).resolve()), version.digest)

    def _goes_on(self, slot: str, wanted: Wanted) -> bool:
        return wanted.same(self._desired().slots.get(slot)) and self._serves(slot, wanted, self._alive())

    def _await(self, slot: str, asked: Wanted, deadline: float) -> None:
        while not self._serves(slot, asked, seen := self._alive()):
            refusal = seen.refused.get(slot)
            if refusal is not None and refusal.generation >= asked.generation:
                raise _translated(slot, refusal)
            if self._clock() >= deadline:
                raise DeadlineExceeded(f"{slot} does not answer as version {asked.version} in time: {_why(slot, seen)}")
            self._sleep(_PAUSE_S)

    def _serves(self, slot: str, wanted: Wanted, seen: Observed) -> bool:
        """Whether both agree: the supervisor, which knows what is about to be stopped, and the slot itself."""
        process = seen.process(slot)
        if process is None or not process.ready or seen.generation < wanted.generation:
            return False
        answer = self._answer(slot, seen)
        return answer is not None and (answer.version, answer.digest) == (wanted.version, wanted.digest)

    def _answer(self, slot: str, seen: Observed) -> Answer | None:
        return ask(seen.ports[slot], self._folder.task, versioned=True, timeout_s=_ASK_S)

    def _alive(self) -> Observed:
        seen = observed(self._folder.home, self._folder.task)
        if seen is None:
            raise Unavailable(
                f"{self._folder.task} is not up under {self._folder.home}",
                remedy=f"`contender up --task {self._folder.task}` starts it",
            )
        return seen

    def _desired(self) -> Desired:
        try:
            return parse_desired(self._folder.desired.read_bytes())
        except FileNotFoundError:
            return Desired()

    def _ask_for(self, slot: str, wanted: Wanted) -> tuple[Wanted | None, Wanted]:
        """What the slot was asked for before, and what it is asked for now: `wanted`, with its generation."""
        with locked(self._folder.desired_lock):
            before = self._desired().slots.get(slot)
            return before, replace(wanted, generation=self._write(slot, wanted))

    def _take_back(self, slot: str, asked: Wanted, before: Wanted | None) -> None:
        """Ask for what was asked `before`, unless somebody has asked for something else since."""
        with locked(self._folder.desired_lock):
            if self._desired().slots.get(slot) == asked:
                self._write(slot, before)

    def _write(self, slot: str, wanted: Wanted | None) -> int:
        """The generation of the new document. The caller holds the lock."""
        desired = self._desired().with_slot(slot, wanted)
        replace_file(self._folder.desired, desired_bytes(desired), durable=True)
        return desired.generation


def _check(slot: str) -> None:
    if slot not in PLACES:
        raise InvalidInput("slot", f"unknown slot {slot!r}", remedy=f"choose one of: {', '.join(PLACES)}")


def _translated(slot: str, refusal: Refusal) -> Unavailable | InvalidArtifact:
    if refusal.kind == "artifact":
        return InvalidArtifact(refusal.field, f"version {refusal.version} is not served in {slot}: {refusal.reason}")
    return Unavailable(f"version {refusal.version} does not start in {slot}: {refusal.reason}")


def _why(slot: str, seen: Observed) -> str:
    process = seen.process(slot)
    return seen.problem or (process and process.reason) or "the supervisor has not got to it"
