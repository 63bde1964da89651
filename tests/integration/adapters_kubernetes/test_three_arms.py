"""Two challengers at once on a cluster that has the component `more-slots`; told in order, each test is a chapter."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from cli.main import run
from contender.routing import KNOWN_SLOTS
from tests.integration.adapters_kubernetes.test_walk_through import Command, Story, begun
from tests.integration.serving.conftest import rows
from tests.stand_ins.kubernetes_api.cluster import NAMESPACE, TASK, deploy
from tests.stand_ins.kubernetes_api.kserve import SERVING, STOP
from tests.stand_ins.kubernetes_api.objects import Key

pytestmark = pytest.mark.slow

ARMS = {("champion", "1"), ("challenger", "2"), ("challenger-2", "3")}
PLACED = {name for name, _ in ARMS}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with begun(tmp_path_factory.mktemp("home"), KNOWN_SLOTS) as made:
        for alias in ("champion", "baseline"):
            made.place().registry.set_alias(TASK, alias, "1")
        yield made


@pytest.fixture
def command(story: Story, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*arguments: str) -> tuple[int, dict[str, object]]:
        capsys.readouterr()
        code = run([*arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return call


def stopped(story: Story) -> set[str]:
    """The slots that are told to stop."""
    key = "inferenceservices"
    found = {slot: story.api.objects.get(Key(SERVING, key, NAMESPACE, f"{TASK}-{slot}")) for slot in KNOWN_SLOTS}
    return {slot for slot, one in found.items() if one["metadata"].get("annotations", {}).get(STOP) == "true"}


def test_slots_that_the_first_release_is_not_in_are_stopped(story: Story, command: Command) -> None:
    assert command("release", "reconcile")[1]["did"] == ["installed version 1"]
    story.transformer.wait_ready()
    assert stopped(story) == {"green", "violet", "amber"}


def test_a_slot_that_is_deployed_later_is_stopped_by_the_next_round(story: Story, command: Command) -> None:
    violet = Key(SERVING, "inferenceservices", NAMESPACE, f"{TASK}-violet")
    story.api.objects.delete(violet)
    deploy(story.api.objects, ("violet",), baseline=False)
    assert "violet" not in stopped(story)
    assert command("release", "reconcile")[1]["did"] == []
    assert stopped(story) == {"green", "violet", "amber"}


def test_two_challengers_are_answered_from_slots_of_their_own(story: Story, command: Command) -> None:
    start = ("experiment", "start", "--version", "2", "--version", "3", "--ramp", "0.5")
    code, told = command(*start)
    assert code == 0, told
    assert stopped(story) == {"amber"}
    people = [{**row, "unit_id": f"u{number}"} for number, row in enumerate(rows(64, 5))]
    seen: set[tuple[str, str]] = set()
    end = time.monotonic() + 60
    # On a busy machine a call may exceed its deadline, and falls back: that arm has not been seen yet.
    while seen != ARMS:
        assert time.monotonic() < end, f"only {seen} answered"
        answered = {
            (one["assigned_to"], one["model_version"]) for one in story.ask(people) if one["served_by"] in PLACED
        }
        assert answered <= ARMS
        seen |= answered


def test_the_second_challenger_is_promoted_from_violet_and_taken_back(story: Story, command: Command) -> None:
    shown = command("release", "evidence", "--arm", "challenger-2")[1]["subject"]
    assert (shown["champion"], shown["challenger"]) == ("1", "3")
    assert command("release", "evidence", "--arm", "challenger-9")[0] == 2
    promote = ("promote", "--override", "rehearsal", "--arm", "challenger-2")
    code, told = command(*promote)
    assert code == 0, told
    assert story.serves("ada")["model_version"] == "3"
    assert story.place().release.state().champion.slot == "violet"  # type: ignore[union-attr]  # just promoted
    assert command("undo", "--reason", "complaints")[0] == 0
    assert story.serves("ada")["model_version"] == "1"
    assert command("abort")[0] == 0
    assert stopped(story) == {"green", "violet", "amber"}
    assert command("audit", "verify")[1]["ok"]


def test_a_slot_that_is_named_and_not_deployed_is_told_with_its_remedy(story: Story, command: Command) -> None:
    story.api.objects.delete(Key(SERVING, "inferenceservices", NAMESPACE, f"{TASK}-violet"))
    code, told = command("experiment", "start", "--version", "2", "--version", "3", "--ramp", "0.5")
    assert (code, told["kind"]) == (1, "NotFound")
    assert f"{TASK}-violet is not deployed" in str(told["error"])
    assert "more-slots" in str(told["remedy"])
    assert story.serves("ada")["model_version"] == "1"
