"""What a command line needs of the supervisor: start one, see what it sees, wait for it, stop it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from contender.adapters.process_environment import child_environment, python
from contender.adapters.supervisor.documents import Observed, RunFolder, parse_observed
from contender.adapters.supervisor.files import is_locked
from contender.adapters.supervisor.identity import living
from contender.adapters.supervisor.lifeline import LIFELINE_VARIABLE
from contender.adapters.supervisor.logs import ProcessLog
from contender.errors import DeadlineExceeded, InvalidInput, Refused, Unavailable

EXIT_REFUSED: Final = 3
"""The supervisor's exit code when it was refused; its last words say why."""

_MODULE: Final = "contender.adapters.supervisor"


@dataclass(frozen=True, slots=True)
class Launched:
    """A supervisor that has begun, and what it saw then. It ends when `lifeline` is closed; None when detached."""

    process: subprocess.Popen[bytes]
    observed: Observed
    lifeline: int | None

    def close(self) -> None:
        """Cut the lifeline, if there is one, and wait for the orderly stop that follows."""
        if self.lifeline is not None:
            os.close(self.lifeline)
            self.process.wait()


def observed(home: Path, task: str) -> Observed | None:
    """What the task's living supervisor sees now; None when there is none, or it has only just begun."""
    folder = RunFolder(home, task)
    try:
        seen = parse_observed(folder.observed.read_bytes())
    except (FileNotFoundError, InvalidInput):
        return None
    # The lock is the kernel's word that a supervisor lives; pid and start time, that it is the one that wrote this.
    return seen if is_locked(folder.supervisor_lock) and living(seen.pid, seen.started_at) else None


def launch(
    home: Path,
    task: str,
    *,
    environment: Mapping[str, str],
    port: int = 8080,
    detached: bool = True,
    deadline_s: float = 20.0,
) -> Launched:
    """Start a supervisor, and return once it reports; `wait_ready` waits for its servers.

    A supervisor that is not `detached` ends when the caller does, however that ends.

    Raises:
        Refused: the task is already up under `home`, or `port` is taken.
        Unavailable: it did not begin, with its last words.
    """
    folder = RunFolder(home.resolve(), task)
    if is_locked(folder.supervisor_lock):
        raise Refused(f"{task} is already up under {home}", remedy="`contender down` stops it")
    log = ProcessLog(folder.logs / "supervisor.log")
    process, lifeline = _spawn(folder, port, log, environment, detached=detached)
    try:
        return Launched(process, _await_report(folder, process, log, deadline_s), lifeline)
    except BaseException:  # Ctrl-C too: a supervisor nobody has heard of must not stay
        if lifeline is not None:
            os.close(lifeline)
        process.kill()  # what it had started dies with it
        process.wait()
        raise


def wait_ready(
    home: Path,
    task: str,
    *,
    deadline_s: float,
    names: Collection[str] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Observed:
    """What is seen once every process that should run is ready, or those called `names`.

    A transformer is ready only once there is routing for it.

    Raises:
        DeadlineExceeded: not within `deadline_s`, saying who is not ready and why.
        Unavailable: the supervisor ended.
    """
    deadline = clock() + deadline_s
    while True:
        seen = observed(home, task)
        if seen is None and not is_locked(RunFolder(home, task).supervisor_lock):
            raise Unavailable(f"{task} is not up under {home}", remedy=f"`contender up --task {task}` starts it")
        if seen is not None and not (missing := _not_ready(seen, names)):
            return seen
        if clock() >= deadline:
            why = "; ".join(missing) if seen is not None else "its supervisor does not report"
            raise DeadlineExceeded(f"{task} is not ready after {deadline_s:g} s: {why}", remedy=f"see {home / 'logs'}")
        sleep(0.05)


def stop(home: Path, task: str, *, deadline_s: float = 20.0) -> bool:
    """Stop the task's supervisor and all it started; False when there was nothing to stop.

    Returns once nothing of it is left. A supervisor that does not stop in good order within `deadline_s` is killed,
    and its servers with it. Nobody else is ever signalled: pid and start time must both be the supervisor's.

    Raises:
        Unavailable: it cannot be found although it lives, or it cannot be killed.
    """
    folder = RunFolder(home, task)
    # One that has only just begun, or has almost ended, holds the lock but does not report.
    _until(lambda: observed(home, task) is not None or not is_locked(folder.supervisor_lock), deadline_s)
    seen = observed(home, task)
    process = living(seen.pid, seen.started_at) if seen else None
    if seen is None or process is None:
        if is_locked(folder.supervisor_lock):
            raise Unavailable(
                f"the supervisor of {task} does not report", remedy=f"remove {folder.path} once it is dead"
            )
        return False
    _signal(process.terminate)
    _signal(process.resume)
    if not _until(lambda: not is_locked(folder.supervisor_lock), deadline_s):
        _signal(process.kill)
    if not _until(lambda: not _leftovers(folder, seen), deadline_s):
        raise Unavailable(f"{task} cannot be stopped: {', '.join(_leftovers(folder, seen))}")
    return True


def _spawn(
    folder: RunFolder, port: int, log: ProcessLog, environment: Mapping[str, str], *, detached: bool
) -> tuple[subprocess.Popen[bytes], int | None]:
    read_end, write_end = (None, None) if detached else os.pipe()
    inherited = {key: value for key, value in child_environment(environment).items() if key != LIFELINE_VARIABLE}
    output = log.open()
    arguments = ("--task", folder.task, "--home", str(folder.home), "--port", str(port))
    try:
        process = subprocess.Popen(
            python("-m", _MODULE, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder.home,
            env=inherited | ({LIFELINE_VARIABLE: str(read_end)} if read_end is not None else {}),
            pass_fds=() if read_end is None else (read_end,),
            start_new_session=True,
        )
    finally:
        os.close(output)
        if read_end is not None:
            os.close(read_end)
    return process, write_end


def _await_report(folder: RunFolder, process: subprocess.Popen[bytes], log: ProcessLog, deadline_s: float) -> Observed:
    deadline = time.monotonic() + deadline_s
    while (seen := observed(folder.home, folder.task)) is None or seen.pid != process.pid:
        status = process.poll()
        if status == EXIT_REFUSED:
            raise Refused(log.last_words())
        if status is not None:
            raise Unavailable(f"the supervisor of {folder.task} did not begin: {log.last_words()}")
        if time.monotonic() >= deadline:
            raise DeadlineExceeded(f"the supervisor of {folder.task} did not begin within {deadline_s:g} s")
        time.sleep(0.02)
    return seen


def _not_ready(seen: Observed, names: Collection[str] | None) -> list[str]:
    expected = [process.name for process in seen.processes] if names is None else names
    missing = []
    for name in expected:
        process = seen.process(name)
        if process is None or not process.ready:
            refusal = seen.refused.get(name)
            why = (refusal and refusal.reason) or (process and process.reason) or "nothing runs there"
            missing.append(f"{name} ({why})")
    return missing


def _leftovers(folder: RunFolder, seen: Observed) -> list[str]:
    left = [p.name for p in seen.processes if p.pid and p.started_at and living(p.pid, p.started_at)]
    return [*left, "supervisor"] if is_locked(folder.supervisor_lock) else left


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return  # it has just ended by itself


def _until(condition: Callable[[], bool], deadline_s: float) -> bool:
    deadline = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True
