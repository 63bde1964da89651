"""`contender doctor`: is this machine fit to run Contender, and what is missing for the rest?"""

from __future__ import annotations

import importlib.metadata
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

from cli.output import JsonFlag, show, table
from cli.settings import Settings

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
    """Look at this machine: interpreter, libraries, disk, port, optional servers.

    Example: contender doctor --json
    """
    settings = Settings()
    findings = [finding for look in _looks(settings) for finding in look()]
    healthy = all(finding.ok for finding in findings if finding.required)
    show({"healthy": healthy, "findings": [asdict(finding) for finding in findings]}, as_json, _render)
    return 0 if healthy else 1


def _looks(settings: Settings) -> Iterator[Callable[[], Iterator[Finding]]]:
    yield _python
    yield _libraries
    yield lambda: _disk(settings.home)
    yield lambda: _port(settings.port)
    yield _servers


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
    folder = next(parent for parent in (home, *home.parents) if parent.exists())
    free = shutil.disk_usage(folder).free / 1e9
    yield Finding("disk", free >= LEAST_FREE_GB, True, f"{free:.0f} GB free at {folder}", "free some space")


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
