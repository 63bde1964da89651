"""Prometheus, Alertmanager and the exporter beside the servers of this machine, one of each for a home."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cli.compose import Workplace, server_environment
from cli.output import note
from contender.adapters.process_environment import python
from contender.adapters.supervisor.control import observed
from contender.adapters.supervisor.daemons import Daemon, Daemons, free_port, wait_answering
from contender.adapters.supervisor.documents import TRANSFORMER
from contender.adapters.supervisor.files import replace_file
from contender.adapters.supervisor.probe import HOST
from contender.errors import Unavailable

PROMETHEUS: Final = "prometheus"
ALERTMANAGER: Final = "alertmanager"
EXPORTER: Final = "exporter"
PORTS: Final[Mapping[str, int]] = {PROMETHEUS: 9090, ALERTMANAGER: 9093, EXPORTER: 9108}
"""Where each listens unless something else does."""

PROGRAMS: Final[Mapping[str, tuple[str, ...]]] = {
    PROMETHEUS: ("prometheus",),
    ALERTMANAGER: ("prometheus-alertmanager", "alertmanager"),
}
INSTALL: Final = "apt-get install prometheus prometheus-alertmanager, or brew install prometheus alertmanager"
RETENTION: Final = "30d"
START_S: Final = 30.0
_COMMAND: Final = "import sys; from cli.main import run; sys.exit(run(sys.argv[1:]))"


@dataclass(frozen=True, slots=True)
class Station:
    """Where everything of the observation of a home lies."""

    home: Path

    @property
    def folder(self) -> Path:
        """Configuration and data."""
        return self.home / "observe"

    @property
    def targets(self) -> Path:
        """What is scraped, a file for each task and role."""
        return self.folder / "targets"

    @property
    def daemons(self) -> Daemons:
        """The programs."""
        return Daemons(self.folder, self.home / "logs" / "observe")


def missing() -> list[str]:
    """The programs that are not installed."""
    return [name for name, names in PROGRAMS.items() if _program(names) is None]


def begin(place: Workplace, alerts_to: str = "") -> None:
    """Watch the servers of a workplace; start what watches unless it is there already.

    Alerts are sent to the webhook `alerts_to`, if it is one. What is not installed is said, and stops nothing.
    """
    station = Station(place.settings.home)
    if lacking := missing():
        note(f"not observed: {' and '.join(lacking)} cannot be found\n  → {INSTALL}")
        return
    if not all(_lives(station, name) for name in (PROMETHEUS, ALERTMANAGER, EXPORTER)):
        station.daemons.stop()  # those that are left watch for nobody
        _start(place, station, alerts_to)
    aim(place)
    note(f"observed: {url(place.settings.home)} · alerts http://{HOST}:{_port(station, ALERTMANAGER)}")


def aim(place: Workplace) -> None:
    """Have the servers of a workplace scraped, if anything observes its home."""
    from monitoring.local import targets

    station, seen = Station(place.settings.home), observed(place.settings.home, place.task.name)
    if seen is None or not station.daemons.seen():
        return
    for role, text in targets(seen.ports, TRANSFORMER).items():
        replace_file(station.targets / f"{place.task.name}.{role}.json", text.encode(), durable=False)


def leave(home: Path, task: str) -> None:
    """Stop scraping a task's servers; with the last task, stop what observes."""
    station = Station(home)
    for path in station.targets.glob(f"{task}.*.json"):
        path.unlink(missing_ok=True)
    if station.folder.is_dir() and not any(station.targets.glob("*.json")):
        station.daemons.stop()


def url(home: Path) -> str:
    """Where the Prometheus of a home answers.

    Raises:
        Unavailable: none is up.
    """
    return f"http://{HOST}:{_port(Station(home), PROMETHEUS)}"


def processes(home: Path) -> list[dict[str, Any]]:
    """What observes a home, with the keys of `contender status`'s other processes."""
    return [_process(one) for one in Station(home).daemons.seen()]


def _process(one: Daemon) -> dict[str, Any]:
    lives = one.lives
    return {
        "name": one.name,
        "role": "observer",
        "slot": None,
        "pid": one.pid if lives else None,
        "port": one.port,
        "ready": lives,
        "restarts": 0,
        "version": None,
        "digest": None,
        "started_at": one.started_at,
        "last_exit": None,
        "reason": None if lives else "it has ended: contender down, then contender up --observe",
    }


def _start(place: Workplace, station: Station, alerts_to: str) -> None:
    from monitoring.alerts.documents import as_yaml
    from monitoring.alerts.routing import Receivers, alertmanager
    from monitoring.local import Around, prometheus
    from monitoring.paths import ROOT, RULES

    ports = {name: free_port(port) for name, port in PORTS.items()}
    around = Around(ROOT / RULES, station.targets, ports[ALERTMANAGER], ports[EXPORTER])
    receivers = Receivers(pager=alerts_to, tickets=alerts_to)
    for name, document in ((PROMETHEUS, prometheus(around)), (ALERTMANAGER, alertmanager(receivers))):
        replace_file(station.folder / f"{name}.yml", as_yaml(document).encode(), durable=False)
    environment = server_environment(place.settings)
    try:
        begun = [
            station.daemons.start(name, ports[name], argv, environment)
            for name, argv in _commands(station, ports).items()
        ]
        wait_answering(begun, START_S)
    except BaseException:  # Ctrl-C too: half an observation must not stay
        station.daemons.stop()
        raise


def _commands(station: Station, ports: Mapping[str, int]) -> dict[str, Sequence[str]]:
    """How each is started; all listen on this machine alone."""
    prometheus, alertmanager = (_program(names) or names[0] for names in PROGRAMS.values())
    return {
        EXPORTER: python("-c", _COMMAND, "exporter", "--port", str(ports[EXPORTER])),
        ALERTMANAGER: (
            alertmanager,
            f"--config.file={station.folder / 'alertmanager.yml'}",
            f"--storage.path={station.folder / 'alertmanager'}",
            f"--web.listen-address={HOST}:{ports[ALERTMANAGER]}",
            "--cluster.listen-address=",
        ),
        PROMETHEUS: (
            prometheus,
            f"--config.file={station.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={station.folder / 'prometheus'}",
            f"--storage.tsdb.retention.time={RETENTION}",
            f"--web.listen-address={HOST}:{ports[PROMETHEUS]}",
        ),
    }


def _program(names: Sequence[str]) -> str | None:
    return next((found for name in names if (found := shutil.which(name))), None)


def _lives(station: Station, name: str) -> bool:
    return any(one.name == name and one.lives for one in station.daemons.seen())


def _port(station: Station, name: str) -> int:
    for one in station.daemons.seen():
        if one.name == name and one.lives:
            return one.port
    raise Unavailable(f"no {name} observes {station.home}", remedy="contender up --observe")
