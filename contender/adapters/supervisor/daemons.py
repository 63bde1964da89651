"""Programs that watch a home: started in the background, remembered by pid and start time, stopped with it.

Unlike model servers they are nobody's to restart: when one ends, what it watched goes on, and `seen` says so.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from pydantic import TypeAdapter, ValidationError

from contender.adapters.supervisor.files import locked, replace_file
from contender.adapters.supervisor.identity import living, started_at
from contender.adapters.supervisor.lifeline import LIFELINE_VARIABLE
from contender.adapters.supervisor.logs import ProcessLog
from contender.adapters.supervisor.ports import PortHold
from contender.errors import DeadlineExceeded, Refused

GRACE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Daemon:
    """A program that was started: `port` is where it answers, `started_at` seconds after the machine's boot."""

    name: str
    pid: int
    started_at: float
    port: int

    @property
    def lives(self) -> bool:
        """Whether it is still there."""
        return living(self.pid, self.started_at) is not None


_RECORDS: Final = TypeAdapter(tuple[Daemon, ...])


class Daemons:
    """The programs whose record is in `folder`; their logs are in `logs`."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self._record, self._lock, self._logs = folder / "daemons.json", folder / "daemons.lock", logs

    def seen(self) -> tuple[Daemon, ...]:
        """Those that were started and not stopped, living or not."""
        try:
            return _RECORDS.validate_json(self._record.read_bytes())
        except (FileNotFoundError, ValidationError):
            return ()

    def start(self, name: str, port: int, argv: Sequence[str], environment: Mapping[str, str]) -> Daemon:
        """Start `argv`, which will answer at `port`, in the background; one of that name must not live.

        Raises:
            Refused: it lives already, or cannot be executed.
        """
        with locked(self._lock):
            others = [one for one in self.seen() if one.name != name]
            if any(one.name == name and one.lives for one in self.seen()):
                raise Refused(f"{name} is already up")
            pid = self._spawn(name, argv, environment)
            begun = Daemon(name, pid, started_at(pid), port)
            replace_file(self._record, _RECORDS.dump_json((*others, begun)), durable=False)
        return begun

    def stop(self, deadline_s: float = GRACE_S) -> bool:
        """End all of them, at once those that do not end within `deadline_s`; False when none was there."""
        with locked(self._lock):
            found = [process for one in self.seen() if (process := living(one.pid, one.started_at))]
            for process in found:
                process.terminate()
            _, slow = psutil.wait_procs(found, deadline_s)
            for process in slow:
                process.kill()
            psutil.wait_procs(slow, deadline_s)
            self._record.unlink(missing_ok=True)
        return bool(found)

    def _spawn(self, name: str, argv: Sequence[str], environment: Mapping[str, str]) -> int:
        output = ProcessLog(self._logs / f"{name}.log").open()
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._record.parent,
                env={key: value for key, value in environment.items() if key != LIFELINE_VARIABLE},
                start_new_session=True,
            )
        except OSError as error:
            raise Refused(f"{name} cannot be started: {error.strerror}") from error
        finally:
            os.close(output)
        # It outlives this process on purpose: without this, Popen would complain of that when it is collected.
        process.returncode = 0
        return process.pid


def free_port(wished: int) -> int:
    """The port `wished`, or one that nobody has when it is taken or 0."""
    for port in (wished, 0):
        try:
            hold = PortHold(port)
        except Refused:
            continue
        hold.close()
        return hold.port
    raise Refused("no port is free")


def wait_answering(daemons: Sequence[Daemon], deadline_s: float) -> None:
    """Return once every one accepts connections.

    Raises:
        Refused: one has ended.
        DeadlineExceeded: one does not, within `deadline_s`.
    """
    deadline = time.monotonic() + deadline_s
    for one in daemons:
        while not _accepts(one.port):
            if not one.lives:
                raise Refused(f"{one.name} has ended", remedy="see the logs")
            if time.monotonic() >= deadline:
                raise DeadlineExceeded(f"{one.name} does not answer after {deadline_s:g} s", remedy="see the logs")
            time.sleep(0.05)


def _accepts(port: int) -> bool:
    import socket

    with socket.socket() as asking:
        asking.settimeout(1.0)
        return asking.connect_ex(("127.0.0.1", port)) == 0
