"""Every bad twin is caught by the rule or tool that is named for it, and what is here is clean.

Those of Terraform need its provider: `make policy` looks at them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from infrastructure.policy import gate, planting, tools, twins, twins_of_files, workflows
from infrastructure.policy.objects import Rendered

OVERLAY = "production"
LEAST_TWINS = 40


def test_there_are_enough_of_them() -> None:
    manifests = len(twins.TWINS) + len(twins.SCHEMAS) + len(twins.CHECKOV)
    files = len(twins_of_files.TEXTS) + len(twins_of_files.LINTED) + len(twins_of_files.PLANS)
    assert manifests + files >= LEAST_TWINS


@pytest.mark.parametrize("overlay", ["local", "staging", "production"])
def test_manifests_are_clean(overlays: Mapping[str, Rendered], overlay: str) -> None:
    assert list(gate.manifests(overlays[overlay])) == []


@pytest.mark.parametrize("twin", twins.TWINS, ids=lambda twin: twin.name)
def test_a_bad_manifest_is_caught(overlays: Mapping[str, Rendered], twin: planting.Twin) -> None:
    found = {one.rule for one in gate.manifests(planting.planted(twin, overlays[OVERLAY]))}
    assert twin.caught_by in found


def test_objects_that_an_api_server_would_refuse_are_caught(overlays: Mapping[str, Rendered], installed: None) -> None:
    known = gate.definitions(None)
    assert [one for overlay in overlays.values() for one in gate.schematic(overlay, known)] == []
    for twin in twins.SCHEMAS:
        bad = planting.changed(planting.planted(twin, overlays[OVERLAY]), overlays[OVERLAY])
        assert twin.caught_by in {one.rule for one in gate.schematic(bad, known)}, twin.name


def test_the_scanner_sees_every_object_and_catches_its_twins(
    overlays: Mapping[str, Rendered], installed: None, tmp_path: Path
) -> None:
    clean = {name: tools.checkable(one) for name, one in overlays.items()}
    bad = {
        f"twin-{number}": tools.checkable(
            planting.changed(planting.planted(twin, overlays[OVERLAY]), overlays[OVERLAY])
        )
        for number, twin in enumerate(twins.CHECKOV)
    }
    seen, found = tools.checkov(clean | bad, tmp_path)
    assert seen >= gate.LEAST_CHECKED * len(overlays)
    assert [one for name in clean for one in found[name]] == []
    for number, twin in enumerate(twins.CHECKOV):
        assert twin.caught_by in {one.rule for one in found[f"twin-{number}"]}, twin.name


def test_workflows_are_clean() -> None:
    assert list(gate.automated(gate.read_workflows(), gate.known_commands())) == []


@pytest.mark.parametrize("twin", twins_of_files.TEXTS, ids=lambda twin: twin.name)
def test_a_bad_workflow_is_caught(twin: twins_of_files.TextTwin) -> None:
    found = {one.name: one for one in gate.read_workflows()}
    bad = twins_of_files.written(twin, found)
    known = {"make": {"setup", "policy", "infra-test"}, "contender": {"undo", "promote", "status"}}
    assert twin.caught_by in {one.rule for one in workflows.findings(bad, known)}


def test_the_linters_find_nothing_and_catch_their_twins(installed: None, tmp_path: Path) -> None:
    assert list(gate.linted()) == []
    found = {one.name: one for one in gate.read_workflows()}
    for number, twin in enumerate(twins_of_files.LINTED):
        (tmp_path / f"twin-{number}.yml").write_text(twins_of_files.written(twin, found).text)
    told = list(gate.linted(tmp_path))
    for number, twin in enumerate(twins_of_files.LINTED):
        assert twin.caught_by in {one.rule for one in told if one.where.startswith(f"twin-{number}.yml")}, twin.name
