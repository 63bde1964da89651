"""What a manager reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cli.dossier.contents import Dossier
from cli.dossier.words import doers, headline, meaning, overridden, verdict_sentence
from contender.experiment.decision import RULES

Trail = Callable[..., list[dict[str, Any]]]
START = ("start", {"experiment": "job-change-7-vs-8"})


def with_verdict(dossier: Dossier, **changes: Any) -> Dossier:
    last = dossier.looks[-1]
    return replace(dossier, looks=[{**last, "verdict": {**last["verdict"], **changes}}])


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([], "Version 8 runs against version 7, nothing is decided"),
        (["promote"], "Version 8 was promoted in place of version 7"),
        (["bake"], "Version 8 serves everyone and is being watched"),
        (["bake", "baked"], "Version 8 was promoted in place of version 7"),
        (["undo"], "The experiment was ended; version 7 remains in service"),
        (["abort"], "Version 8 was abandoned; version 7 remains in service"),
        (["promote", "undo"], "Version 8 had been promoted and was taken back, version 7 serves again"),
        (["bake", "abort"], "Version 8 had been promoted and was taken back, version 7 serves again"),
    ],
)
def test_the_headline_says_what_became_of_it(events: list[str], told: str, dossier: Dossier, trail: Trail) -> None:
    records = trail(START, *((event, {"reason": "so"}) for event in events))
    assert headline(replace(dossier, records=records)) == told


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_every_rule_of_the_verdict_has_a_sentence_of_its_own(rule: str, dossier: Dossier) -> None:
    sentences = {name: verdict_sentence(with_verdict(dossier, rule=name)) for name in (one.name for one in RULES)}
    assert list(sentences.values()).count(sentences[rule]) == 1
    assert sentences[rule].endswith(".")


@pytest.mark.parametrize("decision", ["promote", "roll back", "hold", "error"])
def test_a_rule_of_a_later_version_is_told_by_its_decision(decision: str, dossier: Dossier) -> None:
    told = verdict_sentence(with_verdict(dossier, rule="new-rule", decision=decision))
    assert told.startswith("The evidence")


def test_not_worse_is_not_called_better(dossier: Dossier) -> None:
    assert "not to be worse" in verdict_sentence(with_verdict(dossier, rule="better", interval=[-0.01, 0.03]))


def test_what_it_means_names_means_interval_limits_and_soundness(dossier: Dossier) -> None:
    told = " ".join(meaning(dossier))
    assert "Average reward per person was 0.8 with version 7 and 0.83 with version 8" in told
    assert "95 % confidence, over all 3 looks together" in told
    assert "No safety limit is broken" in told
    assert "The experiment is sound" in told


LIMIT = {"champion": 0.0, "challenger": 0.0, "p": 1.0, "breached": False}


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ([{"state": "passed"}, {"state": "passed"}], "All 2 safety limits are shown to hold."),
        ([{"state": "passed"}, {"state": "open"}], "; 1 of 2 are shown to hold, the rest are open."),
        ([{"state": "passed"}, {"state": "open", "required": True}], "open, among them rail1, which must be"),
        ([{}], "No safety limit is broken; 0 of 1 are shown to hold"),
        ([], "No safety limit could be judged."),
    ],
)  # fmt: skip
def test_an_open_limit_is_not_said_to_hold(states: list[dict[str, Any]], told: str, dossier: Dossier) -> None:
    rails = {f"rail{number}": LIMIT | state for number, state in enumerate(states)}
    assert told in " ".join(meaning(with_verdict(dossier, guardrails=rails)))


def test_broken_limits_and_faults_are_named(dossier: Dossier) -> None:
    broken = {"fallback": {"champion": 0.0, "challenger": 0.2, "p": 0.0, "breached": True}}
    told = " ".join(meaning(with_verdict(dossier, guardrails=broken, health=["5 units were seen in two arms"])))
    assert "Broken safety limits: fallback." in told
    assert "not sound: 5 units were seen in two arms" in told


@pytest.mark.parametrize(("status", "told"), [("running", "are needed"), ("stopped", "would have been needed")])
def test_how_many_more_people(status: str, told: str, dossier: Dossier) -> None:
    held = replace(with_verdict(dossier, more_units=1234), experiment={**dossier.experiment, "status": status})
    assert f"About 1,234 more people with an outcome {told} for an answer." in list(meaning(held))


def test_an_override_is_found_with_its_reason(dossier: Dossier, trail: Trail) -> None:
    assert overridden(dossier) == ""
    records = trail(START, ("promote", {"reason": "overridden: the board wants it; the verdict was: hold"}))
    assert "the board wants it" in overridden(replace(dossier, records=records))


def test_who_acted_and_that_nobody_approved(dossier: Dossier, trail: Trail) -> None:
    records = trail(START, ("promote", {"reason": "better"}), ("undo", {"reason": "complaints"}))
    promoted, undone = doers(replace(dossier, records=records))
    assert promoted.startswith("Promoted by anna on 20")
    assert promoted.endswith("no approval by a second person on record")
    assert undone.startswith("Undone by anna")


def test_groups_under_four_fifths_are_named(dossier: Dossier) -> None:
    assert any("under four fifths for gender Female (0.67)" in told for told in meaning(dossier))
    blind = replace(dossier, experiment={**dossier.experiment, "plan": {**dossier.plan, "favourable_label": ""}})
    assert not any("four fifths" in told for told in meaning(blind))


def test_no_group_under_four_fifths_is_said_too(dossier: Dossier) -> None:
    arms = {
        role: replace(arm, groups={name: group._replace(selected=group.units) for name, group in arm.groups.items()})
        for role, arm in dossier.arms.items()
    }
    assert any("no group that can be compared" in told for told in meaning(replace(dossier, arms=arms)))
