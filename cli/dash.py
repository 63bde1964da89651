"""`contender dash`: dashboards and alerts written, proven against a Prometheus, drawn without a Grafana."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Group
from rich.text import Text

from cli.compose import workplace
from cli.exit_codes import FAULT
from cli.observe import url
from cli.output import JsonFlag, TaskOption, show, table
from cli.pages import writable, writing
from cli.progress import Progress
from contender.errors import FaultFound

if TYPE_CHECKING:
    from monitoring.dashboards.check import Finding
    from monitoring.prometheus import Prometheus, Span

app = typer.Typer(no_args_is_help=True, help="Dashboards and alerts: written, proven, drawn.")

POINTS: Final = 240
LEAST_STEP_S: Final = 5.0
COLOURS: Final = {"ok": "green", "empty": "yellow", "nan": "yellow", "broken": "red"}

Server = Annotated[str, typer.Option("--prometheus", help="Its address; the one of this home if left out.")]
Minutes = Annotated[float, typer.Option("--minutes", help="How far back to look.", min=1)]


@app.command()
def generate(
    only_check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when files are out of date.")
    ] = False,
    as_json: JsonFlag = False,
) -> int:
    """Write dashboards, alert rules, routing and their Kubernetes objects from the catalogue of metrics.

    Example: contender dash generate --check
    """
    from monitoring import generate as generating

    if only_check and (stale := generating.outdated()):
        raise FaultFound(f"out of date: {', '.join(map(str, stale))}", remedy="contender dash generate")
    changed = [] if only_check else [str(path) for path in generating.write()]
    document = {"files": len(generating.files()), "changed": changed}
    show(document, as_json, lambda d: f"{d['files']} files, {len(d['changed'])} changed")
    return 0


@app.command()
def check(
    task: TaskOption = "job-change",
    prometheus: Server = "",
    minutes: Minutes = 15,
    as_json: JsonFlag = False,
) -> int:
    """Ask every question of every dashboard of a Prometheus: understood, answered, not all NaN; panel by panel.

    Exit code 4 when one is not; without experiment, files or drift checks their panels are rightly empty.

    Example: contender up --observe && contender dash check
    """
    from monitoring.dashboards.check import check as checked
    from monitoring.dashboards.reading import Scope, read_folder
    from monitoring.paths import GENERATED, ROOT

    server = _server(task, prometheus)
    findings = checked(read_folder(ROOT / GENERATED), server, Scope(task), _span(minutes))
    counts = Counter[str](finding.state for finding in findings)
    document = {
        "prometheus": server.url,
        "task": task,
        "counts": {state: counts[state] for state in COLOURS},
        "findings": [finding.to_document() for finding in findings],
    }
    show(document, as_json, lambda _: _findings(findings, counts))
    return 0 if counts["ok"] == len(findings) else FAULT


@app.command()
def render(
    task: TaskOption = "job-change",
    prometheus: Server = "",
    minutes: Minutes = 15,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("dashboards.html"),
    as_json: JsonFlag = False,
) -> int:
    """Draw every panel from its own queries into one HTML page that needs nothing else.

    Example: contender dash render --minutes 60 --out dashboards.html
    """
    from monitoring.dashboards.page import page
    from monitoring.dashboards.reading import Scope, read_folder
    from monitoring.paths import GENERATED, ROOT

    writable("--out", out)
    boards, progress = read_folder(ROOT / GENERATED), Progress()
    with progress.running(), progress.step("draw the dashboards"):
        text = page(boards, _server(task, prometheus), Scope(task), _span(minutes))
    with writing("--out"):
        out.write_text(text, encoding="utf-8")
    document = {"page": str(out), "panels": sum(len(board.panels) for board in boards), "bytes": len(text.encode())}
    show(document, as_json, lambda d: f"{d['page']}: {d['panels']} panels, {d['bytes'] / 1e3:.0f} kB")
    return 0


def _server(task: str, address: str) -> Prometheus:
    from monitoring.prometheus import Prometheus

    return Prometheus(address or url(workplace(task).settings.home))


def _span(minutes: float) -> Span:
    from monitoring.prometheus import Span

    until = time.time()
    return Span(until - minutes * 60, until, max(LEAST_STEP_S, minutes * 60 / POINTS))


def _findings(findings: list[Finding], counts: Mapping[str, int]) -> Group:
    grid = table("dashboard", "panel", "query", "state", "series", "why")
    for one in findings:
        state = Text(one.state, style=COLOURS[one.state])
        grid.add_row(one.board, one.panel, one.ref, state, str(one.series), one.reason)
    total = ", ".join(f"{counts[state]} {state}" for state in COLOURS if counts[state])
    return Group(grid, "", f"{len(findings)} questions: {total}")


def register(root: typer.Typer) -> None:
    """Add the group to `root`."""
    root.add_typer(app, name="dash")
