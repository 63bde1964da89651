"""`contender doctor`: is this machine fit to run Contender, and what is missing for the rest?"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from cli.compose import settings_from
from cli.exit_codes import FAILED
from cli.output import JsonFlag, show, table
from cli.serving_settings import check_server_settings
from cli.settings import Settings
from contender.adapters.sqlite_files import trouble
from contender.adapters.supervisor.commands import PREFIX
from contender.errors import InvalidInput

NEEDED = ("kfp", "kserve", "mlflow", "onnxruntime", "scikit-learn", "imbalanced-learn", "optuna", "evidently")
OPTIONAL_SERVERS: Mapping[str, str] = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "terraform": "terraform",
    "kubectl": "kubernetes-client",
}
"""Program to the Debian package (or name) that brings it; the laptop story needs none of them."""

LEAST_FREE_GB = 2


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is as it should be, whether that matters here, and what to do if not."""

    name: str
    ok: bool
    required: bool
    found: str
    remedy: str = ""


def doctor(as_json: JsonFlag = False) -> int:
    """Look at this machine: settings, interpreter, libraries, home, port, optional servers.

    Example: contender doctor --json
    """
    settings, wrong = _settings()
    findings = [*wrong, *(finding for look in _looks(settings) for finding in look())]
    healthy = all(finding.ok for finding in findings if finding.required)
    show({"healthy": healthy, "findings": [asdict(finding) for finding in findings]}, as_json, _render)
    return 0 if healthy else FAILED


def _looks(settings: Settings) -> Iterator[Callable[[], Iterator[Finding]]]:
    yield _python
    yield _libraries
    yield lambda: _home(settings.home)
    yield lambda: _records(settings)
    yield lambda: _disk(settings.home)
    yield lambda: _port(settings.port)
    yield _servers


def _settings() -> tuple[Settings, list[Finding]]:
    """The settings, those that are wrong left out, and a finding for each of them."""
    given: dict[str, object] = {}
    findings: list[Finding] = []
    while True:
        try:
            return settings_from(**given), [*findings, *_of_servers()]
        except InvalidInput as error:
            findings.append(_unfit(error))
            field = error.field.removeprefix(PREFIX).lower()
            if field not in Settings.model_fields or field in given:
                # Several at odds, or one that nothing can stand in for: what is looked at else is a laptop's.
                return Settings.model_construct(), findings
            given[field] = Settings.model_fields[field].get_default(call_default_factory=True)


def _of_servers() -> Iterator[Finding]:
    """Settings that `contender up` would refuse."""
    try:
        check_server_settings(os.environ)
    except InvalidInput as error:
        yield _unfit(error)


def _unfit(error: InvalidInput) -> Finding:
    return Finding(error.field or "settings", False, True, error.message.removeprefix(f"{error.field}: "), error.remedy)


def _home(home: Path) -> Iterator[Finding]:
    """The home, or where it will be made: whether this account may read and write there."""
    folder = _nearest(home)
    fit = os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    remedy = "" if fit else "CONTENDER_HOME names a folder that this account may write"
    yield Finding("home", fit, True, str(home) if fit else f"{folder} cannot be read and written", remedy)


def _nearest(folder: Path) -> Path:
    """`folder`, or the folder above it that is there already."""
    return next((one for one in (folder, *folder.parents) if os.path.lexists(one)), Path("/"))


def _records(settings: Settings) -> Iterator[Finding]:
    """The databases of the home."""
    for name, url in (("store", settings.store_url), ("registry", settings.tracking_uri)):
        if problem := trouble(url):
            yield Finding(name, False, True, problem, "put back its last good copy: docs/runbooks/restore.md")


def _python() -> Iterator[Finding]:
    fit = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Finding("python", fit, True, sys.version.split()[0], "" if fit else "use Python 3.11 to 3.13")


def _libraries() -> Iterator[Finding]:
    for name in NEEDED:
        try:
            yield Finding(name, True, True, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, False, True, "missing", "make setup")


def _disk(home: Path) -> Iterator[Finding]:
    folder = _nearest(home)
    free = shutil.disk_usage(folder).free / 1e9
    enough = free >= LEAST_FREE_GB
    yield Finding("disk", enough, True, f"{free:.0f} GB free at {folder}", "" if enough else "free some space")


def _port(port: int) -> Iterator[Finding]:
    free = port == 0 or _can_bind(port)
    yield Finding(f"port {port}", free, False, "free" if free else "taken", "" if free else "CONTENDER_PORT=0")


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _servers() -> Iterator[Finding]:
    for program, package in OPTIONAL_SERVERS.items():
        path = shutil.which(program)
        yield Finding(program, path is not None, False, path or "not installed", "" if path else f"install {package}")


def _render(document: Mapping[str, Any]) -> Table:
    grid = table("", "what", "found", "to do")
    for finding in document["findings"]:
        mark = ("✓", "green") if finding["ok"] else ("✗", "red") if finding["required"] else ("–", "yellow")
        grid.add_row(Text(*mark), finding["name"], finding["found"], finding["remedy"])
    grid.caption = "fit to run" if document["healthy"] else "not fit to run: see ✗"
    grid.caption_justify = "left"
    return grid


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("doctor")(doctor)
