"""An apply over another version: what it cannot change and what it leaves behind is told, with the command for it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from infrastructure.policy import __main__ as gate
from infrastructure.policy import render, upgrade
from infrastructure.policy.objects import Rendered

BEFORE = Path(__file__).parent / "applied-19b984c.yaml"
RUNBOOK = render.ROOT / "docs" / "runbooks" / "upgrade.md"


def told(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one.rule, one.where) for one in upgrade.findings(before, after)]


def test_every_leftover_of_the_version_before_stands_in_the_runbook(overlays: Mapping[str, Rendered]) -> None:
    """A leftover that is missing there: add the command that the finding tells, in its step."""
    found = list(upgrade.findings(upgrade.read(BEFORE), overlays["production"]))
    assert found
    text = RUNBOOK.read_text()
    assert [one for one in found if one.remedy not in text] == []


def test_applying_the_same_again_leaves_nothing(overlays: Mapping[str, Rendered]) -> None:
    for overlay in overlays.values():
        assert told(list(overlay), list(overlay)) == []
        assert told(list(upgrade.reduced(overlay)), list(overlay)) == []


def changed(overlay: Rendered, kind: str, name: str, *path: Any) -> list[dict[str, Any]]:
    *steps, last, value = path
    made = copy.deepcopy(list(overlay))
    (node,) = [one for one in made if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    for step in steps:
        node = node[step]
    node[last] = value
    return made


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("Deployment", "exporter", ("spec", "selector", {"matchLabels": {"app": "x"}})),
        ("Job", "database-upgrade", ("spec", "template", "spec", "serviceAccountName", "other")),
        ("RoleBinding", "deployers", ("roleRef", "name", "other")),
        ("PriorityClass", "contender-serving", ("value", 7)),
    ],
)
def test_what_the_api_refuses_is_told(
    overlays: Mapping[str, Rendered], kind: str, name: str, path: tuple[Any, ...]
) -> None:
    overlay = overlays["production"]
    space = "" if kind == "PriorityClass" else "contender/"
    assert told(list(overlay), changed(overlay, kind, name, *path)) == [("cannot-be-changed", f"{kind}/{space}{name}")]


def test_what_may_change_is_no_finding(overlays: Mapping[str, Rendered]) -> None:
    overlay = overlays["production"]
    assert told(list(overlay), changed(overlay, "Deployment", "exporter", "spec", "replicas", 7)) == []


def test_what_is_left_behind_is_told_by_the_command_line(
    overlays: Mapping[str, Rendered], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = overlays["local"]
    for name, documents in {
        "before": list(overlay),
        "after": [one for one in overlay if one["kind"] != "Lease"],
    }.items():
        (tmp_path / name).write_text(yaml.safe_dump_all(documents))
    assert gate.main(["upgrade", str(tmp_path / "before"), str(tmp_path / "after")]) == 1
    assert "kubectl -n contender delete lease job-change-reconcile --ignore-not-found" in capsys.readouterr().out
    assert gate.main(["upgrade", str(tmp_path / "before"), str(tmp_path / "before")]) == 0
