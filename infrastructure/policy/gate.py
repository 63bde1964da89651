"""Everything the gate looks at, put together: findings of overlays, workflows and plans."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from infrastructure.policy import (
    chart,
    crds,
    doors,
    drain,
    kserve,
    lasting,
    network,
    planting,
    pods,
    schemas,
    tenancy,
    terraform,
    tools,
    twins,
    twins_of_files,
    wiring,
    workflows,
)
from infrastructure.policy.objects import Document, Finding, Rendered, Rule
from infrastructure.policy.render import ROOT
from infrastructure.policy.workflows import Workflow

WORKFLOWS: Final = ROOT / ".github" / "workflows"
SCRIPTS: Final = ROOT / "infrastructure" / "release"
SHARED: Final = ROOT.parent / "shared" / "crds"
"""A folder of definitions beside the project is taken before anything is downloaded."""
ENVOY: Final = Path(__file__).parent / "envoy_gateway.yaml"
NAMES: Final = {"build", "ci", "e2e", "infrastructure", "release", "rollback", "train"}
LEAST_CHECKED: Final = 80
"""Objects of an overlay that checkov must have looked at; fewer means that it was given less."""
RULES: Final[tuple[Rule, ...]] = (
    *pods.RULES,
    *wiring.RULES,
    *kserve.RULES,
    *network.RULES,
    *tenancy.RULES,
    *doors.RULES,
    *drain.RULES,
    *lasting.RULES,
)


def manifests(overlay: Rendered) -> Iterator[Finding]:
    """What our own rules find in an overlay."""
    for rule in RULES:
        yield from rule(overlay)


def schematic(overlay: Rendered, known: Mapping[tuple[str, str], Document]) -> Iterator[Finding]:
    """What schemas find in an overlay."""
    yield from schemas.custom(overlay, known)
    yield from schemas.core(overlay, tools.TOOLS / "bin" / "python")


def charted(overlays: Mapping[str, Rendered], known: Mapping[tuple[str, str], Document]) -> Iterator[Finding]:
    """Where the Helm chart departs from the overlays, and what is found in it with one task more, of four slots."""
    for name, overlay in overlays.items():
        yield from chart.differences(chart.rendered(name, chart.values(name)), overlay)
    more = chart.rendered("production", chart.merged(chart.values("production"), chart.MORE))
    yield from manifests(more)
    yield from schematic(more, known)
    yield from (
        Finding("chart-lints", "infrastructure/charts/contender", one, "helm lint")
        for one in chart.linted(chart.values("production"))
    )


def definitions(given: Path | None) -> dict[tuple[str, str], Document]:
    """The custom resources' schemas: Envoy Gateway's from here, others from `given`, from beside, or downloaded."""
    return schemas.kept(ENVOY) | schemas.definitions(crds.SOURCES, given or (SHARED if SHARED.is_dir() else None))


def scanned(overlays: Mapping[str, Rendered]) -> Iterator[Finding]:
    """What checkov finds in overlays; that it looked at too little is a finding."""
    with tempfile.TemporaryDirectory() as folder:
        seen, found = tools.checkov({name: tools.checkable(one) for name, one in overlays.items()}, Path(folder))
    if seen < LEAST_CHECKED * len(overlays):
        yield Finding("checkov-saw-everything", "overlays", f"checkov looked at {seen} objects", "tools.checkable")
    for findings in found.values():
        yield from findings


def read_workflows(folder: Path = WORKFLOWS) -> list[Workflow]:
    """Every workflow of a folder."""
    return [Workflow(path.name, path.read_text()) for path in sorted(folder.glob("*.yml"))]


def known_commands() -> dict[str, set[str]]:
    """The make targets and the `contender` commands that there are."""
    import typer

    from cli.main import app

    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    words: set[str] = set()
    commands: Mapping[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group, by our own main
    for name, command in commands.items():
        words |= {f"{name} {child}" for child in getattr(command, "commands", {})} or {name}
    return {"make": targets, "contender": words}


def automated(found: list[Workflow], known: Mapping[str, Any]) -> Iterator[Finding]:
    """What our own rules find in workflows; one that is missing is a finding."""
    for name in sorted(NAMES - {one.name.removesuffix(".yml") for one in found}):
        yield Finding("workflow-exists", f"{name}.yml", "is not there", ".github/workflows")
    for one in found:
        yield from workflows.findings(one, known)
    yield from workflows.scripted({path.name: path.read_text() for path in sorted(SCRIPTS.glob("*.sh"))})


def linted(folder: Path = WORKFLOWS) -> Iterator[Finding]:
    """What zizmor and actionlint find in a folder of workflows."""
    yield from tools.zizmor(folder)
    yield from tools.actionlint(folder)


def planned(plans: Mapping[str, list[Document]]) -> Iterator[Finding]:
    """What our own rules find in planned resources."""
    for root, resources in plans.items():
        for rule in terraform.RULES:
            yield from rule(root, resources)


def unseen_manifests(overlay: Rendered) -> Iterator[Finding]:
    """Bad twins of an overlay that our own rules let pass."""
    for twin in twins.TWINS:
        yield from _unseen(twin, manifests(planting.planted(twin, overlay)))


def unseen_workflows(found: list[Workflow], known: Mapping[str, Any]) -> Iterator[Finding]:
    """Bad twins of workflows that our own rules let pass."""
    by_name = {one.name: one for one in found}
    for twin in twins_of_files.TEXTS:
        yield from _unseen(twin, workflows.findings(twins_of_files.written(twin, by_name), known))


def unseen_plans(plans: Mapping[str, list[Document]]) -> Iterator[Finding]:
    """Bad twins of planned resources that our own rules let pass."""
    for twin in twins_of_files.PLANS:
        yield from _unseen(twin, planned({twin.root: twins_of_files.spoilt(twin, plans[twin.root])}))


def _unseen(
    twin: planting.Twin | twins_of_files.TextTwin | twins_of_files.PlanTwin, found: Iterator[Finding]
) -> Iterator[Finding]:
    if twin.caught_by not in {one.rule for one in found}:
        yield Finding("twin-is-caught", twin.name, f"{twin.caught_by} lets it pass", "the rule has gone blind")
