"""Real processes: started on a tether, watched over HTTP, signalled only while their pid is surely theirs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from contender.adapters.supervisor import tether
from contender.adapters.supervisor.commands import PREFIX, Command
from contender.adapters.supervisor.identity import started_at
from contender.adapters.supervisor.lifeline import LIFELINE_VARIABLE
from contender.adapters.supervisor.logs import ProcessLog
from contender.adapters.supervisor.patience import Patience
from contender.adapters.supervisor.probe import Answer, Health, Probe

_TETHER: Final = (sys.executable, "-I", "-S", str(tether.__file__))


class Child:
    """A running process of ours in a session of its own, so that no terminal's Ctrl-C reaches it."""

    def __init__(self, process: subprocess.Popen[bytes], log: ProcessLog, probe: Probe) -> None:
        self._process, self._log, self._probe = process, log, probe
        self.started_at = started_at(process.pid)

    @property
    def pid(self) -> int:
        """Its process id, which stays its own until `ended` has told of its end."""
        return self._process.pid

    def health(self) -> Health:
        """The latest word on it."""
        return self._probe.health

    def ended(self) -> int | None:
        """None while it lives, then its exit code, or minus the signal that killed it."""
        self._log.bound()
        status = self._process.poll()
        if status is not None:
            self._probe.close()
        return status

    def terminate(self) -> None:
        """Ask it to stop in good order, even if it is frozen."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    def last_words(self) -> str:
        """The last line of its log."""
        return self._log.last_words()

    def _signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)  # does nothing once the process has been waited for


class Nursery:
    """Starts children that share one supervisor's environment, log folder and lifeline.

    Settings of ours in that environment are the supervisor's: a child gets those of its command and no others.
    """

    def __init__(self, home: Path, logs: Path, environment: Mapping[str, str], patience: Patience) -> None:
        self._home, self._logs, self._patience = home, logs, patience
        self._environment = {name: value for name, value in environment.items() if not name.startswith(PREFIX)}
        # Only this process holds the write end, so the kernel closes it whatever ends this process.
        self._read_end, self._write_end = os.pipe()

    def start(
        self, name: str, command: Command, question: Callable[[], Answer | None], *, clock: Callable[[], float]
    ) -> Child:
        """A child running `command`, of which `question` asks how it is, at times told by `clock` (seconds).

        Must be called from the main thread: the kernel's tether is to the thread that started the child.

        Raises:
            OSError: it cannot be started.
        """
        log = ProcessLog(self._logs / f"{name}.log")
        output = log.open()
        try:
            process = subprocess.Popen(
                [*_TETHER, str(os.getpid()), *command.argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._home,
                env=self._environment | dict(command.environment) | {LIFELINE_VARIABLE: str(self._read_end)},
                pass_fds=(self._read_end,),
                start_new_session=True,
            )
        finally:
            os.close(output)
        probe = Probe(
            question,
            starting_s=self._patience.probe_starting,
            steady_s=self._patience.probe_steady,
            clock=clock,
        )
        probe.start()
        return Child(process, log, probe)

    def close(self) -> None:
        """Cut the lifeline: children that still live stop themselves."""
        os.close(self._write_end)
        os.close(self._read_end)
