"""Rules over the planned resources of a Terraform root: what is open, what is lost, who may take which role."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from infrastructure.policy.objects import Document, Finding

GITHUB: Final = "token.actions.githubusercontent.com"
SUBJECT: Final = re.compile(
    r"repo:[A-Za-z0-9][\w.-]*(@\d+)?/[A-Za-z0-9][\w.-]*(@\d+)?:environment:[a-z0-9][a-z0-9-]*",
)
EVERYONE: Final = ("0.0.0.0/0", "::/0")
PROTECTED: Final = "envs/production"

Rule = Callable[[str, list[Document]], Iterator[Finding]]


def _of(resources: list[Document], *types: str) -> Iterator[tuple[str, Document]]:
    yield from ((one["address"], one["values"]) for one in resources if one["type"] in types)


def _first(values: Document, name: str) -> Document:
    """A nested block that may stand once."""
    blocks = values.get(name) or [{}]
    return dict(blocks[0])


def _statements(policy: str) -> list[Document]:
    try:
        found = json.loads(policy)["Statement"]
    except (ValueError, KeyError, TypeError):
        return []
    return found if isinstance(found, list) else [found]


def _words(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def buckets_are_closed(root: str, resources: list[Document]) -> Iterator[Finding]:
    """Every bucket blocks public access, keeps versions and encrypts; no ACL, no policy opens it."""
    switches = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    buckets = list(_of(resources, "aws_s3_bucket"))
    blocks = list(_of(resources, "aws_s3_bucket_public_access_block"))
    for address, values in blocks:
        if not all(values.get(name) for name in switches):
            yield Finding("bucket-is-closed", f"{root}: {address}", "lets the public in", "all four switches true")
    for kind in ("public_access_block", "versioning", "server_side_encryption_configuration"):
        if len(list(_of(resources, f"aws_s3_bucket_{kind}"))) < len(buckets):
            yield Finding("bucket-is-closed", root, f"a bucket without {kind}", f"aws_s3_bucket_{kind}")
    for address, _ in _of(resources, "aws_s3_bucket_acl", "aws_s3_bucket_website_configuration"):
        yield Finding("bucket-is-closed", f"{root}: {address}", "opens a bucket", "remove it")


def buckets_keep(root: str, resources: list[Document]) -> Iterator[Finding]:
    """Versions are on, encryption is by a key of ours, and production's buckets refuse deletion with content."""
    for address, values in _of(resources, "aws_s3_bucket_versioning"):
        if _first(values, "versioning_configuration").get("status") != "Enabled":
            yield Finding(
                "bucket-keeps-versions", f"{root}: {address}", "what is overwritten is lost", "status: Enabled"
            )
    for address, values in _of(resources, "aws_s3_bucket"):
        if root == PROTECTED and values.get("force_destroy"):
            yield Finding(
                "bucket-keeps-versions", f"{root}: {address}", "is deleted with its content", "force_destroy: false"
            )


def policies_open_nothing(root: str, resources: list[Document]) -> Iterator[Finding]:
    """No resource policy allows everyone."""
    for address, values in _of(resources, "aws_s3_bucket_policy", "aws_ecr_repository_policy", "aws_kms_key"):
        for one in _statements(values.get("policy", "")):
            anyone = one.get("Principal") == "*" or one.get("Principal") == {"AWS": "*"}
            if one["Effect"] == "Allow" and anyone:
                yield Finding("policy-opens-nothing", f"{root}: {address}", "allows everyone", "name a principal")


def github_subjects_are_exact(root: str, resources: list[Document]) -> Iterator[Finding]:
    """Whoever GitHub vouches for is one repository in one environment, compared exactly; audience included."""
    for address, values in _of(resources, "aws_iam_role"):
        for one in _statements(values.get("assume_role_policy", "")):
            if GITHUB in json.dumps(one.get("Principal", "")) and not _exact(one.get("Condition", {})):
                yield Finding(
                    "github-subject-is-exact",
                    f"{root}: {address}",
                    "other repositories, branches or environments may take it",
                    "StringEquals on aud and on repo:OWNER/NAME:environment:ENV",
                )


def _exact(condition: Document) -> bool:
    equals = condition.get("StringEquals", {})
    subjects = _words(equals.get(f"{GITHUB}:sub"))
    audience = equals.get(f"{GITHUB}:aud") == "sts.amazonaws.com"
    return list(condition) == ["StringEquals"] and audience and bool(subjects) and all(map(SUBJECT.fullmatch, subjects))


def workload_subjects_are_exact(root: str, resources: list[Document]) -> Iterator[Finding]:
    """A role of a pod is for named service accounts."""
    for address, values in _of(resources, "aws_iam_role"):
        for one in _statements(values.get("assume_role_policy", "")):
            if one.get("Action") != "sts:AssumeRoleWithWebIdentity" or GITHUB in json.dumps(one["Principal"]):
                continue
            text = json.dumps(one.get("Condition", {}))
            if "StringLike" in text or "*" in text or "system:serviceaccount:" not in text:
                yield Finding(
                    "workload-subject-is-exact", f"{root}: {address}", "any pod may take it", "namespace:name"
                )


def policies_are_narrow(root: str, resources: list[Document]) -> Iterator[Finding]:
    """No inline policy allows every action, and none that writes reaches every resource."""
    for address, values in _of(resources, "aws_iam_role_policy"):
        for one in _statements(values.get("policy", "")):
            actions = _words(one.get("Action"))
            all_actions = any(
                action == "*" or (action.endswith(":*") and "*" in _words(one.get("Resource"))) for action in actions
            )
            if one["Effect"] == "Allow" and all_actions:
                yield Finding(
                    "policy-is-narrow", f"{root}: {address}", f"allows {', '.join(actions)}", "name the actions"
                )
    for address, values in _of(resources, "aws_iam_role_policy_attachment"):
        if str(values.get("policy_arn")).endswith("/AdministratorAccess"):
            yield Finding("policy-is-narrow", f"{root}: {address}", "makes an administrator", "a policy of its own")


def roles_stay_within(root: str, resources: list[Document]) -> Iterator[Finding]:
    """Every role that an apply makes carries the permissions boundary."""
    for address, values in _of(resources, "aws_iam_role") if root != "bootstrap" else ():
        if not str(values.get("permissions_boundary")).endswith(":policy/contender-boundary"):
            yield Finding("role-within-boundary", f"{root}: {address}", "may be given anything", "permissions_boundary")


def database_is_inside(root: str, resources: list[Document]) -> Iterator[Finding]:
    """PostgreSQL is encrypted, private, backed up; in production it stands by in a second zone and refuses deletion."""
    for address, values in _of(resources, "aws_db_instance"):
        wanted: Document = {
            "storage_encrypted": True,
            "publicly_accessible": False,
            "manage_master_user_password": True,
        }
        wanted |= (
            {"multi_az": True, "deletion_protection": True, "skip_final_snapshot": False} if root == PROTECTED else {}
        )
        wrong = [name for name, value in wanted.items() if bool(values.get(name)) is not value]
        wrong += ["backup_retention_period"] if values.get("backup_retention_period", 0) < 7 else []
        if wrong:
            yield Finding("database-is-inside", f"{root}: {address}", ", ".join(wrong), "modules/database")


def cluster_is_guarded(root: str, resources: list[Document]) -> Iterator[Finding]:
    """The API is not for everyone, its secrets are encrypted, what it does is logged, and access goes by entries."""
    for address, values in _of(resources, "aws_eks_cluster"):
        network, access = _first(values, "vpc_config"), _first(values, "access_config")
        public = network.get("endpoint_public_access") and set(EVERYONE) & set(
            network.get("public_access_cidrs") or EVERYONE
        )
        logs = {"api", "audit", "authenticator"} - set(values.get("enabled_cluster_log_types") or [])
        secrets = _first(values, "encryption_config").get("resources") == ["secrets"]
        entries = access.get("authentication_mode") == "API" and not access.get(
            "bootstrap_cluster_creator_admin_permissions"
        )
        if public or logs or not secrets or not entries:
            yield Finding(
                "cluster-is-guarded", f"{root}: {address}", "is open, silent or unencrypted", "modules/cluster"
            )


def nodes_keep_their_role(root: str, resources: list[Document]) -> Iterator[Finding]:
    """Pods cannot take the node's role, and disks are encrypted."""
    for address, values in _of(resources, "aws_launch_template"):
        metadata = _first(values, "metadata_options")
        plain = any(
            str(_first(one, "ebs").get("encrypted")) != "true" for one in values.get("block_device_mappings") or []
        )
        if metadata.get("http_tokens") != "required" or metadata.get("http_put_response_hop_limit") != 1 or plain:
            yield Finding(
                "node-keeps-its-role", f"{root}: {address}", "a pod may take it", "http_tokens: required, one hop"
            )


def images_stay(root: str, resources: list[Document]) -> Iterator[Finding]:
    """A tag that was pushed never means another image, and what is pushed is scanned."""
    for address, values in _of(resources, "aws_ecr_repository"):
        scanned = _first(values, "image_scanning_configuration").get("scan_on_push")
        if values.get("image_tag_mutability") != "IMMUTABLE" or not scanned:
            yield Finding(
                "image-stays", f"{root}: {address}", "tags may move, or nobody scans", "IMMUTABLE, scan_on_push"
            )


def keys_turn(root: str, resources: list[Document]) -> Iterator[Finding]:
    """Every key is rotated."""
    for address, values in _of(resources, "aws_kms_key"):
        if not values.get("enable_key_rotation"):
            yield Finding("key-turns", f"{root}: {address}", "is never rotated", "enable_key_rotation: true")


def nobody_enters_from_everywhere(root: str, resources: list[Document]) -> Iterator[Finding]:
    """No security group lets the whole world in."""
    kinds = ("aws_vpc_security_group_ingress_rule", "aws_security_group", "aws_security_group_rule")
    for address, values in _of(resources, *kinds):
        inline = [cidr for rule in values.get("ingress") or [] for cidr in rule.get("cidr_blocks") or []]
        ranges = [values.get("cidr_ipv4"), values.get("cidr_ipv6"), *inline, *(values.get("cidr_blocks") or [])]
        if set(EVERYONE) & set(ranges) and values.get("type", "ingress") == "ingress":
            yield Finding(
                "nobody-enters-from-everywhere", f"{root}: {address}", "lets the world in", "a security group"
            )


def logs_are_kept(root: str, resources: list[Document]) -> Iterator[Finding]:
    """Logs are kept for a stated time: a year in production, a month elsewhere."""
    least = 365 if root == PROTECTED else 30
    for address, values in _of(resources, "aws_cloudwatch_log_group"):
        if not values.get("retention_in_days") or values["retention_in_days"] < least:
            yield Finding("logs-are-kept", f"{root}: {address}", f"for fewer than {least} days", "log_retention_days")


RULES: Final[tuple[Rule, ...]] = (
    buckets_are_closed,
    buckets_keep,
    policies_open_nothing,
    github_subjects_are_exact,
    workload_subjects_are_exact,
    policies_are_narrow,
    roles_stay_within,
    database_is_inside,
    cluster_is_guarded,
    nodes_keep_their_role,
    images_stay,
    keys_turn,
    nobody_enters_from_everywhere,
    logs_are_kept,
)
