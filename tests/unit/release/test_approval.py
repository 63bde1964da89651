"""Approvals: only the right one, for the right thing, at the right time, once."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from contender.errors import Conflict, Refused
from contender.release.approval import (
    MAX_VALID_S,
    Approvals,
    Asked,
    Validity,
    initiators,
    seal,
    subject,
    used_approvals,
)
from contender.release.state import ReleaseState
from contender.release.trail import Trail

TASK = "job-change"


def sign(secret: str, message: bytes) -> str:
    return hashlib.sha256(secret.encode() + message).hexdigest()


KEYS = {name: lambda message, signature, name=name: sign(name, message) == signature for name in ("grace", "ada")}
"""A toy: what matters here is only that one name's signature is not another's."""


def experimenting(lab: Any, *, required: bool = True) -> Any:
    lab.approvals = Approvals(KEYS, required)
    return lab.run(
        lambda release: release.install("7"),
        lambda release: release.prepare("8"),
        lambda release: release.start("e1", "salt", (0.5,)),
    )


def approval(lab: Any, *, by: str = "grace", at: float = 1_000.0, valid_s: float = 900.0, **other: Any) -> Any:
    what = replace(subject(lab.release().state(), "digest"), **other)
    return seal(what, by, Validity(at, valid_s), nonce="n1", sign=lambda message: sign(by, message))


def promoted(lab: Any, document: Any) -> Any:
    return lab.release("ada").promote("digest", "it wins", approval=document)


def refused(lab: Any, document: Any, why: str) -> None:
    before = lab.seen()
    with pytest.raises(Refused, match=why):
        promoted(lab, document)
    record = lab.store.audit(TASK)[-1]
    assert record["event"] == "promote refused"
    assert "the approval does not hold" in record["detail"]["reason"]
    assert lab.seen() == before


@pytest.mark.parametrize("required", [True, False])
def test_a_good_approval_promotes_and_is_audited(lab: Any, required: bool) -> None:
    promoted(experimenting(lab, required=required), approval(lab))
    detail = lab.store.audit(TASK)[-1]["detail"]
    assert (detail["approval"], detail["approver"]) == ("n1", "grace")


def test_where_none_is_asked_for_none_is_needed(lab: Any) -> None:
    promoted(experimenting(lab, required=False), None)
    assert "approval" not in lab.store.audit(TASK)[-1]["detail"]


def test_where_one_is_asked_for_one_is_needed(lab: Any) -> None:
    refused(experimenting(lab), None, "there is none, and it is required here")


@pytest.mark.parametrize("required", [True, False])
def test_a_bad_approval_is_refused_even_where_none_is_needed(lab: Any, required: bool) -> None:
    experimenting(lab, required=required)
    refused(lab, approval(lab) | {"signature": "00"}, "not signed by grace")


@pytest.mark.parametrize(
    "field", ["approver", "issued_at", "expires_at", "nonce", "task", "evidence", "challenger", "champion"]
)
def test_any_edit_is_found(lab: Any, field: str) -> None:
    good = approval(experimenting(lab))
    edited = good[field] + 1 if isinstance(good[field], float) else "ada" if field == "approver" else good[field] + "x"
    refused(lab, good | {field: edited}, "not signed by")


def test_a_forged_approval_signed_with_another_key_is_refused(lab: Any) -> None:
    what = subject(experimenting(lab).release().state(), "digest")
    forged = seal(what, "grace", Validity(1_000.0, 900.0), nonce="n1", sign=lambda message: sign("eve", message))
    refused(lab, forged, "not signed by grace")


def test_an_approval_of_somebody_who_does_not_count_is_refused(lab: Any) -> None:
    refused(experimenting(lab), approval(lab, by="eve"), "eve is nobody whose approval counts")


@pytest.mark.parametrize(
    "other",
    [
        {"task": "job-role"},
        {"champion": "6"},
        {"champion_digest": "0"},
        {"challenger": "9"},
        {"challenger_digest": "0"},
        {"evidence": "another"},
    ],
    ids=str,
)
def test_a_foreign_approval_is_refused(lab: Any, other: dict[str, Any]) -> None:
    refused(experimenting(lab), approval(lab, **other), f"it is for another {next(iter(other))}$|for another .* \\(")


def test_nobody_approves_what_they_brought_about(lab: Any) -> None:
    experimenting(lab)
    refused(lab, approval(lab, by="ada"), "ada brought the release about")


def test_who_started_the_experiment_cannot_approve_it_for_another(lab: Any) -> None:
    experimenting(lab)  # as ada
    with pytest.raises(Refused, match="ada brought the release about"):
        lab.release("grace").promote("digest", "it wins", approval=approval(lab, by="ada"))


@pytest.mark.parametrize(
    ("at", "valid_s", "why"),
    [
        (9_000.0, 900.0, "not valid yet"),
        (100.0, 900.0, "has expired"),
        (1_000.0, MAX_VALID_S + 1, "valid for longer than 7 days"),
    ],
)
def test_an_approval_counts_only_in_its_time(lab: Any, at: float, valid_s: float, why: str) -> None:
    refused(experimenting(lab), approval(lab, at=at, valid_s=valid_s), why)


def test_a_clock_behind_the_trail_gives_an_approval_no_longer_life(lab: Any) -> None:
    good = approval(experimenting(lab))
    Trail(TASK, lab.store, lab.anchors).append("drift", at=lab.clock() + 10_000, actor="ada", detail={})
    refused(lab, good, "has expired")


def test_an_approval_counts_once(lab: Any) -> None:
    good = approval(experimenting(lab))
    promoted(lab, good)
    lab.run(lambda release: release.undo("no"), lambda release: release.start("e1", "salt", (0.5,)))
    refused(lab, good, "it was used before")


def test_an_approval_whose_promotion_left_no_record_of_its_own_is_used_all_the_same(lab: Any) -> None:
    good = approval(experimenting(lab))
    lab.break_at(2)  # the state is saved, the record is not
    with pytest.raises(lab.Crash):
        promoted(lab, good)
    lab.run(lambda release: release.undo("no"))
    assert "promote" not in lab.events()
    assert used_approvals(lab.store.audit(TASK)) == {"n1"}


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ({"note": "please"}, "not the fields"),
        ({"nonce": 3}, "not of their kinds"),
        ({"expires_at": "never"}, "not numbers"),
        ({"expires_at": True}, "not numbers"),
        ({"expires_at": float("inf")}, "not numbers"),
    ],
)
def test_what_is_no_approval_is_refused(lab: Any, damage: dict[str, Any], why: str) -> None:
    refused(experimenting(lab), approval(lab) | damage, why)


def test_a_lost_race_is_a_conflict_by_generation(lab: Any) -> None:
    experimenting(lab, required=False)
    with pytest.raises(Conflict, match="moved on from generation 1 to 2"):
        lab.release("eve").promote("digest", "me", generation=1)
    assert lab.events()[-1] == "promote refused"
    lab.release("eve").promote("digest", "me", generation=2)
    assert lab.events()[-1] == "promote"


def test_nothing_placed_has_no_exact_subject() -> None:
    assert subject(ReleaseState("t"), "e").champion == ""
    assert initiators([]) == frozenset()
    assert Approvals().check(None, Asked(subject(ReleaseState("t"), "e"), frozenset(), frozenset(), 0.0)) == {}
