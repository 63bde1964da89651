"""`contender cluster doctor`: looks at a cluster from outside, or with --inside from one of its pods."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from cli.cluster_doctor.checks import CHECKS
from cli.cluster_doctor.finding import Finding, Look, State, findings
from cli.compose import settings_from
from cli.documents import text_of
from cli.exit_codes import FAULT
from cli.output import JsonFlag, show
from contender.adapters.kubernetes_manifests import parsed, rendered

OVERLAYS: Final = Path("infrastructure/kubernetes/overlays")
_MARKS: Final = {State.OK: ("✓", "green"), State.WARNING: ("–", "yellow"), State.FAILED: ("✗", "red")}

EnvironmentOption = Annotated[
    str, typer.Option("--environment", "-e", help="The overlay that is meant for it: local, staging, production.")
]
ManifestsOption = Annotated[
    Path | None, typer.Option("--manifests", help="Rendered manifests instead of an overlay, as helm template writes.")
]
InsideFlag = Annotated[
    bool, typer.Option("--inside", help="Look from a pod: database, buckets, registry. Start it by `cluster run`.")
]


def doctor(
    environment: EnvironmentOption = "local",
    manifests: ManifestsOption = None,
    inside_too: InsideFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Look at a cluster before anything is applied: versions, rights, names, room, admission; a remedy for each fault.

    Nothing is changed: what is tried, is tried as a dry run. Exit code 4 when something failed, 5 when the Kubernetes
    API does not answer. What only a pod can see: contender cluster run -- cluster doctor --inside --json

    Example: contender cluster doctor --environment staging --json
    """
    found = _inside() if inside_too else _outside(environment, manifests)
    return told(found, as_json)


def told(found: list[Finding], as_json: bool) -> int:
    """Print the findings; 0, or 4 when one of them failed."""
    healthy = all(one.state != State.FAILED for one in found)
    show({"healthy": healthy, "findings": [asdict(one) for one in found]}, as_json, _render)
    return 0 if healthy else FAULT


def manifests_of(environment: str, file: Path | None) -> list[dict[str, Any]]:
    """The objects in `file`, else those of the overlay `environment`.

    Raises:
        InvalidInput: neither can be read.
    """
    if file is None:
        return rendered(OVERLAYS / environment)
    return parsed(text_of("--manifests", file), str(file))


def _inside() -> list[Finding]:
    """What a pod sees. Whoever looks from outside has no driver of a database."""
    from cli.cluster_doctor.inside import inside

    return list(inside(settings_from(), time.time))


def _outside(environment: str, file: Path | None) -> list[Finding]:
    from contender.adapters.kubernetes_client import connect

    settings = settings_from(backend="local")
    look = Look(connect(settings.namespace, settings.kubeconfig), manifests_of(environment, file), time.time)
    return findings(CHECKS, look)


def _render(document: Mapping[str, Any]) -> Text:
    """A line for each finding, its remedy below it; nothing is cut off."""
    told = Text()
    for one in document["findings"]:
        told.append(*_MARKS[one["state"]]).append(f" {one['name']}", "bold").append(f"  {one['found']}\n")
        if one["remedy"] and one["state"] != State.OK:
            told.append(f"  → {one['remedy']}\n", "dim")
    return told.append("fit" if document["healthy"] else "not fit: see ✗")


def register(group: typer.Typer) -> None:
    """Add the command to the group `contender cluster`."""
    group.command("doctor")(doctor)
