"""Rules for the workflows: what a job may do, whose code it runs, and that its steps are commands that exist here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from infrastructure.policy.objects import Document, Finding

MOST_LINES: Final = 150
PINNED: Final = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$")
REFUSED_TRIGGERS: Final = ("pull_request_target", "workflow_run", "issue_comment")
LONG_KEY: Final = re.compile(
    r"secrets\.\w*(AWS|ACCESS_KEY|SECRET_KEY|PASSWORD)\w*|aws-(access-key-id|secret-access-key)"
)
SWALLOWED: Final = re.compile(r"\|\|\s*(true|:|exit 0)\b|\bset \+e\b")
PIPED: Final = re.compile(r"\b(curl|wget)\b[^\n]*\|\s*(sudo )?(ba)?sh\b")
JQ: Final = re.compile(r"(^|[\s|;&(])jq(\s|$)", re.MULTILINE)
NEEDS_IDENTITY: Final = "aws-actions/configure-aws-credentials"


@dataclass(frozen=True, slots=True)
class Workflow:
    """One workflow: its file's name, its text, and what the text says."""

    name: str
    text: str

    @property
    def document(self) -> Document:
        """The parsed file; its triggers under ``on``, which YAML takes for true."""
        found: dict[Any, Any] = yaml.safe_load(self.text)
        return {"on" if name is True else str(name): value for name, value in found.items()}

    def jobs(self) -> Iterator[tuple[str, Document]]:
        """Each job with its name."""
        yield from self.document["jobs"].items()

    def steps(self) -> Iterator[tuple[str, Document]]:
        """Each step of each job with the job's name."""
        for name, job in self.jobs():
            yield from ((name, step) for step in job.get("steps", []))


Rule = Callable[[Workflow], Iterator[Finding]]


def _permissions(workflow: Workflow) -> Iterator[Finding]:
    if workflow.document.get("permissions") != {}:
        yield Finding("no-permissions-by-default", workflow.name, "every job may do what one needs", "permissions: {}")
    for name, job in workflow.jobs():
        if not isinstance(job.get("permissions"), dict):
            yield Finding("no-permissions-by-default", f"{workflow.name}: {name}", "states no permissions", "name them")


def _pinned(workflow: Workflow) -> Iterator[Finding]:
    for job, step in workflow.steps():
        uses = step.get("uses", "")
        if uses and not uses.startswith("./") and not PINNED.match(uses):
            yield Finding(
                "action-is-pinned", f"{workflow.name}: {job}", f"{uses} may be other code tomorrow", "@SHA # v1.2.3"
            )
    for line in workflow.text.splitlines():
        if re.search(r"uses: \S+@[0-9a-f]{40}\s*$", line):
            yield Finding("action-is-pinned", workflow.name, f"no version beside {line.strip()}", "# v1.2.3")


def _triggers(workflow: Workflow) -> Iterator[Finding]:
    triggers = workflow.document["on"]
    for name in REFUSED_TRIGGERS:
        if name in triggers:
            yield Finding(
                "no-strangers-with-rights", workflow.name, f"{name} runs others' code with our rights", "pull_request"
            )


def _short(workflow: Workflow) -> Iterator[Finding]:
    lines = len(workflow.text.splitlines())
    if lines >= MOST_LINES:
        yield Finding("workflow-is-short", workflow.name, f"{lines} lines", "make targets")


def _honest(workflow: Workflow) -> Iterator[Finding]:
    for where, step in workflow.steps():
        if step.get("continue-on-error") or SWALLOWED.search(step.get("run", "")):
            yield Finding("failures-fail", f"{workflow.name}: {where}", "a failure is swallowed", "let it fail")
    for name, job in workflow.jobs():
        if job.get("continue-on-error"):
            yield Finding("failures-fail", f"{workflow.name}: {name}", "a failure is swallowed", "let it fail")


def _one_at_a_time(workflow: Workflow) -> Iterator[Finding]:
    concurrency = workflow.document.get("concurrency")
    if not isinstance(concurrency, dict) or "group" not in concurrency:
        yield Finding("one-at-a-time", workflow.name, "two runs may act at once", "concurrency: {group: …}")
    elif workflow.name in ("release.yml", "rollback.yml") and concurrency.get("cancel-in-progress") is not False:
        yield Finding("one-at-a-time", workflow.name, "a run may be cut off half-way", "cancel-in-progress: false")


def _ends(workflow: Workflow) -> Iterator[Finding]:
    for name, job in workflow.jobs():
        if "timeout-minutes" not in job:
            yield Finding("jobs-end", f"{workflow.name}: {name}", "may run for six hours", "timeout-minutes")


def _identity(workflow: Workflow) -> Iterator[Finding]:
    if LONG_KEY.search(workflow.text):
        yield Finding("identity-by-oidc", workflow.name, "holds a key that does not expire", "role-to-assume")
    for name, job in workflow.jobs():
        takes = any(NEEDS_IDENTITY in step.get("uses", "") for step in job.get("steps", []))
        may = (
            (job.get("permissions") or {}).get("id-token") == "write"
            if isinstance(job.get("permissions"), dict)
            else True
        )
        if (takes or may) and "environment" not in job:
            yield Finding(
                "identity-by-oidc", f"{workflow.name}: {name}", "takes a role in no environment", "environment: …"
            )
        if takes and not may:
            yield Finding("identity-by-oidc", f"{workflow.name}: {name}", "cannot ask for its token", "id-token: write")


def _no_injection(workflow: Workflow) -> Iterator[Finding]:
    for job, step in workflow.steps():
        if "${{" in step.get("run", ""):
            yield Finding("no-injection", f"{workflow.name}: {job}", "an expression is pasted into a shell", "env:")


def _no_pipe(workflow: Workflow) -> Iterator[Finding]:
    for job, step in workflow.steps():
        if PIPED.search(step.get("run", "")):
            yield Finding(
                "no-pipe-to-shell", f"{workflow.name}: {job}", "runs what somebody serves", "a pinned package"
            )


def _no_jq(workflow: Workflow) -> Iterator[Finding]:
    """A shell that takes JSON apart depends on the version of jq, which runners do not fix."""
    for job, step in workflow.steps():
        if JQ.search(step.get("run", "")):
            yield Finding("no-jq", f"{workflow.name}: {job}", "takes JSON apart in a shell", "contender … --field")


def scripted(scripts: Mapping[str, str]) -> Iterator[Finding]:
    """What is wrong with scripts that workflows call, by name and text."""
    for name, text in scripts.items():
        if JQ.search("\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))):
            yield Finding("no-jq", name, "takes JSON apart in a shell", "contender … --field")


def _checkout_forgets(workflow: Workflow) -> Iterator[Finding]:
    for job, step in workflow.steps():
        kept = (step.get("with") or {}).get("persist-credentials") is not False
        if "actions/checkout@" in step.get("uses", "") and kept:
            yield Finding(
                "checkout-forgets", f"{workflow.name}: {job}", "leaves the token on disk", "persist-credentials: false"
            )


def commands_exist(known: Mapping[str, set[str]]) -> Rule:
    """The rule that every make target and every `contender` command that a step names exists.

    `known` has the targets under ``make`` and the commands, groups with their command, under ``contender``.
    """

    def rule(workflow: Workflow) -> Iterator[Finding]:
        for job, step in workflow.steps():
            for kind, name in named(step.get("run", "")):
                if name not in known[kind] and name.split()[0] not in known[kind]:
                    yield Finding(
                        "commands-exist", f"{workflow.name}: {job}", f"{kind} {name} is not there", "make help"
                    )

    return rule


def named(script: str) -> Iterator[tuple[str, str]]:
    """The make targets and the `contender` commands that a script calls."""
    for line in script.splitlines():
        for words in re.findall(r"(?:^|[;&|(]\s*)make ([a-z][a-z -]*)", line.strip()):
            yield from (("make", word) for word in words.split())
        for words in re.findall(r"(?:\$CONTENDER|(?<!-n )\bcontender) ([a-z]+(?: [a-z]+)?)", line):
            yield "contender", words


RULES: Final[tuple[Rule, ...]] = (
    _permissions,
    _pinned,
    _triggers,
    _short,
    _honest,
    _one_at_a_time,
    _ends,
    _identity,
    _no_injection,
    _no_pipe,
    _no_jq,
    _checkout_forgets,
)


def findings(workflow: Workflow, known: Mapping[str, Any]) -> Iterator[Finding]:
    """Everything that these rules find in one workflow."""
    for rule in (*RULES, commands_exist(known)):
        yield from rule(workflow)
