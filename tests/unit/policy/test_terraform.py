"""Rules over planned resources, on small ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infrastructure.policy.terraform import GITHUB, RULES

SUBJECT = "repo:acme/contender:environment:production"
WITH_IDS = "repo:acme@11/contender@22:environment:production"


def role(condition: dict[str, Any]) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": f"arn:aws:iam::1:oidc-provider/{GITHUB}"},
        "Condition": condition,
    }
    values = {
        "assume_role_policy": json.dumps({"Statement": [statement]}),
        "permissions_boundary": "arn:aws:iam::123456789012:policy/contender-boundary",
    }
    return {"address": "aws_iam_role.this", "type": "aws_iam_role", "values": values}


def found(*resources: dict[str, Any]) -> set[str]:
    return {one.rule for rule in RULES for one in rule("envs/production", list(resources))}


def equals(subject: object) -> dict[str, Any]:
    return {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com", f"{GITHUB}:sub": subject}}


def test_both_forms_of_a_subject_are_exact() -> None:
    assert found(role(equals([SUBJECT, WITH_IDS]))) == set()


@pytest.mark.parametrize(
    "condition",
    [
        {},
        equals([]),
        equals("repo:acme/*:environment:production"),
        equals("repo:acme/contender:*"),
        equals("repo:acme/contender:ref:refs/heads/main"),
        equals([SUBJECT, "repo:acme/contender:pull_request"]),
        {"StringLike": equals(SUBJECT)["StringEquals"]},
        {"StringEquals": {f"{GITHUB}:sub": SUBJECT}},
        {**equals(SUBJECT), "StringLike": {f"{GITHUB}:ref": "*"}},
    ],
)
def test_a_subject_that_others_have_is_found(condition: dict[str, Any]) -> None:
    assert "github-subject-is-exact" in found(role(condition))


def test_a_bucket_without_its_blocks_is_found() -> None:
    bucket = {"address": "aws_s3_bucket.b", "type": "aws_s3_bucket", "values": {}}
    assert found(bucket) == {"bucket-is-closed"}
