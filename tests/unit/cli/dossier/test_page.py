"""The page as a browser, a screen reader and an attacker see it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from cli.dossier.contents import Dossier
from cli.dossier.page import page
from contender.experiment.data import Events
from contender.experiment.decision import evidence_digest
from contender.experiment.statistics.bernoulli import Count

VOID = {"meta", "line", "rect", "circle", "polyline", "polygon"}
LOADING = ("src", "href", "action", "data", "poster", "srcset", "xlink:href", "background")
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """The page's elements in order; a tag that is not closed in its place is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append((self.open[-1] if self.open else "", data))

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(word for where, word in self.words if where != "style")


@pytest.fixture
def read(dossier: Dossier) -> Page:
    return Page(page(dossier))


def test_it_loads_nothing_and_runs_nothing(dossier: Dossier, read: Page) -> None:
    for _, attributes in read.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert all(attributes[name].startswith("#") for name in LOADING if name in attributes)
    assert not read.named("script")
    assert not read.named("link")
    assert not re.search(r"url\(|@import|https?://", page(dossier))
    assert any("default-src 'none'" in meta.get("content", "") for meta in read.named("meta"))


def test_what_is_quoted_cannot_break_out(dossier: Dossier, trail: Callable[..., list[dict[str, Any]]]) -> None:
    start = ("start", {"experiment": dossier.experiment["id"]})
    records = trail(
        start, ("promote", {"reason": EVIL, "evidence": EVIL, "approver": EVIL, "approval": EVIL, EVIL: EVIL})
    )
    models = {
        role: replace(model, semver=EVIL, tags={"gate_reason": EVIL}) for role, model in dossier.models.items() if model
    }
    arms = {
        role: replace(arm, groups={f"{EVIL}={EVIL}": arm.groups["gender=Male"]}) for role, arm in dossier.arms.items()
    }
    changed = replace(dossier, records=records, models=models, arms=arms, problems=[EVIL])
    plain, injected = Page(page(dossier)), Page(page(changed))
    assert {tag for tag, _ in injected.elements} <= {tag for tag, _ in plain.elements}
    assert "alert(1)" in injected.text


def test_ids_are_unique_and_whatever_is_referred_to_is_there(read: Page) -> None:
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = [name for _, a in read.elements for name in a.get("aria-labelledby", "").split()]
    links = [link["href"].removeprefix("#") for link in read.named("a")]
    assert labels
    assert links
    assert set(labels + links) <= set(ids)


def test_every_picture_is_told_in_words(read: Page) -> None:
    pictures = read.named("svg")
    assert len(pictures) >= 5
    assert all(picture["role"] == "img" and picture["aria-labelledby"] for picture in pictures)
    told = [word for where, word in read.words if where == "desc"]
    assert len(told) == len(pictures)
    assert all(len(words) > 40 for words in told)


def test_headings_and_tables_have_a_structure(dossier: Dossier, read: Page) -> None:
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert len(read.named("caption")) == len(read.named("table"))
    assert all(cell["scope"] in ("row", "col") for cell in read.named("th"))
    assert 'lang="en"' in page(dossier)


@pytest.mark.parametrize(
    "fact",
    [
        "Version 8 was promoted in place of version 7",
        "Version 8 does better than version 7",
        "Promoted by anna",
        "approved by berta",
        "d7", "d8", "1.0.0", "1.0.1", "5c4e", "da7a", "da7b", "c0ffee", "abc123",
        "the chain of 5 records holds",
        "is look 3 above",
        "held against 2 of them",
        "No safety limit is broken",
        "above the line",
        "fewer than 5",
    ],
)  # fmt: skip
def test_manager_and_auditor_find(fact: str, read: Page) -> None:
    text = re.sub(r"\s+", " ", read.text)
    assert fact in text


def test_plan_digest_and_every_record_are_there(dossier: Dossier, read: Page) -> None:
    assert dossier.experiment["plan_digest"] in read.text
    for record in dossier.records:
        assert record["hash"] in read.text


def test_an_edited_trail_is_said_at_the_top(dossier: Dossier) -> None:
    text = page(replace(dossier, problems=["record 2 was edited"]))
    assert text.index("the chain is broken: record 2 was edited") < text.index('id="compared"')


def test_without_looks_versions_or_traffic_it_is_still_a_page(dossier: Dossier) -> None:
    bare = replace(dossier, looks=(), models={"champion": None, "challenger": None}, arms={}, phases=(), records=())
    read = Page(page(bare))
    assert "there is no verdict" in read.text
    assert "nothing is decided" in read.text
    assert "carry no protected attribute" in read.text
    assert not read.named("svg")


def test_a_count_that_could_name_a_person_is_not_told(dossier: Dossier) -> None:
    section = page(dossier).partition('id="fairness"')[2].partition("</section>")[0]
    assert "Other (too small to compare)" in section
    assert "<td>3</td>" not in section


def test_people_of_unknown_group_have_a_row_that_tells_no_small_count(dossier: Dossier) -> None:
    said = {
        role: replace(arm, groups={name: group for name, group in arm.groups.items() if "unknown" not in name})
        for role, arm in dossier.arms.items()
    }
    larger = {
        role: replace(arm, groups={name: group for name, group in arm.groups.items() if "Other" not in name})
        for role, arm in said.items()
    }
    for arms, name in ((said, "unknown, or of a group too small to tell"), (larger, "unknown")):
        row = re.search(rf">{name}</[^>]+>\s*<td[^>]*>([^<]*)</td>", page(replace(dossier, arms=arms)))
        assert row
        shown = sum(group.units for group in larger["champion"].groups.values())
        assert row[1] == str(arms["champion"].assigned - shown)


def test_each_step_of_the_ramp_is_a_term(dossier: Dossier) -> None:
    plan = {**dossier.plan, "ramp": [[0.01, 100], [0.5, 0]]}
    drawn = page(replace(dossier, experiment={**dossier.experiment, "plan": plan}))
    assert "1 %, at least 100 of the challenger&#x27;s people" in drawn.replace("&#39;", "&#x27;").replace(
        "'", "&#x27;"
    )


def test_offline_metrics_with_intervals_are_drawn(dossier: Dossier) -> None:
    assert "Offline roc_auc" not in page(dossier)
    measured = {"roc_auc": 0.8, "roc_auc_low": 0.78, "roc_auc_high": 0.82}
    models = {role: replace(model, metrics=measured) for role, model in dossier.models.items() if model}
    drawn = page(replace(dossier, models=models))
    assert "Offline roc_auc: champion 0.8, 0.78 to 0.82; challenger 0.8, 0.78 to 0.82." in drawn
    assert "0.8 (0.78 to 0.82)" in drawn
    assert "roc_auc_low" not in drawn


def test_other_arms_are_told_with_their_verdicts(dossier: Dossier) -> None:
    last = dossier.looks[-1]
    other = {**last["verdict"], "decision": "roll back", "reason": "a guardrail is breached", "interval": None}
    shown = {**last, "verdict": {**last["verdict"], "arm": "challenger", "others": {"challenger-2": other}}}
    drawn = page(replace(dossier, looks=[*dossier.looks[:-1], shown]))
    assert "Other arms at the last look" in drawn
    assert "challenger-2" in drawn


def section_of(dossier: Dossier, name: str) -> str:
    return page(dossier).partition(f'id="{name}"')[2].partition("</section>")[0]


def test_one_look_and_several_are_told_in_english(dossier: Dossier) -> None:
    one, several = (
        section_of(replace(dossier, looks=looks), "effect") for looks in (dossier.looks[-1:], dossier.looks)
    )
    assert "At the only look so far: 4,000 people" in one
    assert "The interval narrows over 3 looks, from 300 people" in several


def test_looks_at_the_same_people_narrow_nothing(dossier: Dossier) -> None:
    same = [{**dossier.looks[-1], "look": number} for number in (1, 2)]
    repeated = replace(dossier, looks=same)
    assert "All 2 looks with an interval were at the same 4,000 people" in section_of(repeated, "effect")
    assert repeated.look_of(evidence_digest(same[0]["verdict"])) == 2
    wider = [same[0], {**same[1], "verdict": {**same[1]["verdict"], "units": 4_100, "interval": [-0.9, 0.9]}}]
    assert "The interval goes over 2 looks" in section_of(replace(dossier, looks=wider), "effect")


def test_nobody_is_selected_where_no_answer_is_favourable(dossier: Dossier) -> None:
    blind = replace(dossier, experiment={**dossier.experiment, "plan": {**dossier.plan, "favourable_label": ""}})
    rates = re.compile(r"Female.{0,200}?%", re.DOTALL)
    assert rates.search(section_of(dossier, "fairness").partition("Scores")[0])
    assert not rates.search(section_of(blind, "fairness").partition("Scores")[0])


def test_records_that_a_sound_experiment_has_few_of_are_told(dossier: Dossier) -> None:
    late = replace(dossier, events=Events(replayed=7, contradictory=2, late=12))
    text = section_of(late, "health")
    assert re.search(r"too late for it \(not counted\)</dt><dd>12<", text)
    assert re.search(r"contradict each other \(the first counts\)</dt><dd>2<", text)
    assert "Covariate by arm" not in text
    adjusted = {**dossier.experiment, "plan": {**dossier.plan, "covariate": "baseline"}}
    assert "Covariate by arm" in section_of(replace(late, experiment=adjusted), "health")
    assert "score of their first row" in section_of(replace(late, experiment=adjusted), "effect")


def test_what_informs_beside_the_verdict_is_told(dossier: Dossier) -> None:
    effect, health = section_of(dossier, "effect"), section_of(dossier, "health")
    assert "Other metrics" in effect
    assert "acceptance" in effect
    assert "Effect by the price of a review" in effect
    assert "worst latency" in effect
    assert "From people to values" in health
    assert "Metric acceptance" in section_of(dossier, "plan")


def with_last(dossier: Dossier, **changes: Any) -> Dossier:
    last = dossier.looks[-1]
    return replace(dossier, looks=[*dossier.looks[:-1], {**last, "verdict": {**last["verdict"], **changes}}])


def test_a_limit_that_is_open_has_no_sign_and_one_that_must_pass_says_so(dossier: Dossier) -> None:
    rail = {"champion": 0.3, "challenger": 0.31, "p": 1.0, "breached": False, "margin": 0.05}
    rails = {
        "acceptance": {**rail, "state": "open", "required": True},
        "review": {**rail, "state": "passed", "required": False},
        "slow": {**rail, "state": "breached", "breached": True},
    }
    text = section_of(with_last(dossier, guardrails=rails), "guardrails")
    assert "<td>open, must pass</td>" in text
    assert "✔ passed" in text
    assert "✖ breached" in text
    assert "acceptance rate" not in text, "more of it is not worse: it is no limit of the picture"
    assert "31.0 %" in text.partition("acceptance")[2].partition("</tr>")[0]


def test_the_shadow_is_told_by_agreement_and_calibration(dossier: Dossier) -> None:
    shadow = {"agreement": 0.91, "units": 800, "calibration": {"confidence": 0.8, "earned": 0.7, "units": 640}}
    others = {"shadow": {**dossier.looks[-1]["verdict"], "details": {"shadow": shadow}}}
    text = section_of(with_last(dossier, others=others), "effect")
    assert all(figure in text for figure in ("The shadow, whose answers", "91.0 %", "80.0 %", "70.0 %", "800", "640"))
    assert "The shadow, whose answers" not in section_of(dossier, "effect")


def test_the_part_of_everybody_that_counts_is_told_for_each_step(dossier: Dossier) -> None:
    (phase,) = dossier.phases
    steps = replace(dossier, phases=[phase._replace(generation=number) for number in (3, 4)])
    table = section_of(steps, "health").partition("by step of the ramp")[2].partition("</table>")[0]
    assert re.findall(r"<td>([0-9.]+ %)</td><td>50.0 %</td>", table) == ["20.0 %", "100.0 %"]
    old = replace(steps, experiment={name: value for name, value in steps.experiment.items() if name != "rule"})
    assert "20.0 %" not in section_of(old, "health")


def test_the_part_of_alpha_that_restarts_leave_is_a_term(dossier: Dossier) -> None:
    again = replace(dossier, experiment={**dossier.experiment, "plan": {**dossier.plan, "restarts": 1}})
    assert "Part of α that this experiment spends</th><td>0.025<" in section_of(again, "plan")


def test_missing_outcomes_and_units_left_out_are_told_with_what_they_would_change(dossier: Dossier) -> None:
    last = dossier.looks[-1]
    outcomes = {**last["verdict"]["details"]["outcomes"], "bounds": {"manski": [-0.1, 0.2], "lee": [0.01, 0.05]}}
    whole = {"decision": "hold", "reason": "not sound"}
    details = {**last["verdict"]["details"], "outcomes": outcomes, "without_clearing": whole}
    looks = [*dossier.looks[:-1], {**last, "verdict": {**last["verdict"], "details": details}}]
    cleared = [{"kind": "contradictory", "units": ["a", "b"], "reason": "a bot", "actor": "ann", "at": 5.0}]
    told = replace(dossier, looks=looks, experiment={**dossier.experiment, "cleared": cleared})
    health = section_of(told, "health")
    assert "(Manski)" in health
    assert "Units left out by a person" in health
    assert "With them the verdict would be: hold, not sound" in health
    assert ">a<" not in health


def test_a_look_of_an_older_version_tells_what_it_has(dossier: Dossier) -> None:
    looks = [
        {**look, "verdict": {k: v for k, v in look["verdict"].items() if k != "details"}} for look in dossier.looks
    ]
    old = replace(dossier, looks=looks)
    assert "Other metrics" not in section_of(old, "effect")
    assert "From people to values" not in section_of(old, "health")


def test_scoring_rates_stand_beside_selection_rates_and_tell_no_small_count(dossier: Dossier) -> None:
    scores = {"champion": {"gender": {"Female": Count(200, 500), "Male": Count(300, 500), "Other": Count(2, 3)}}}
    text = section_of(replace(dossier, scores=scores), "fairness")
    table = text.partition("Scores, gender: champion")[2].partition("</table>")[0]
    assert all(figure in table for figure in ("40.0 %", "60.0 %", "0.67", "under the line", "fewer than 5"))
    assert "66.7 %" not in table
    assert "Scores, gender: challenger" not in text
