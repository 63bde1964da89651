"""Rules for what belongs to one task or one team: nobody acts for another, and nothing crosses a namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from infrastructure.policy.objects import Document, Finding, Pod, Rendered, Rule, label, space

INSTANCE: Final = "app.kubernetes.io/instance"
COMPONENT: Final = "app.kubernetes.io/component"
OF_A_TASK: Final = {"slot": "slot", "baseline": "slot", "transformer": "transformer", "release": "release"}
"""The parts that serve one task, and what their account is called after the task."""


def tasks(overlay: Rendered) -> dict[str, str]:
    """Every task that is served, by its name, and its namespace."""
    return {
        one["metadata"]["name"]: space(one)
        for one in overlay.of("InferenceService")
        if one["metadata"].get("labels", {}).get(COMPONENT) == "entry"
    }


def acts_for_its_task(overlay: Rendered) -> Iterator[Finding]:
    """A task's pods run as its own accounts and name no other task's Secrets."""
    known = tasks(overlay)
    for pod in overlay.pods():
        part = OF_A_TASK.get(pod.labels.get(COMPONENT, ""))
        if part:
            yield from _acts(pod, pod.labels.get(INSTANCE, ""), part, known)


def _acts(pod: Pod, task: str, part: str, known: dict[str, str]) -> Iterator[Finding]:
    account = pod.spec.get("serviceAccountName")
    if account != f"{task}-{part}":
        yield Finding("acts-for-its-task", pod.where, f"runs as {account}", f"the account {task}-{part}")
    for name in sorted(_secrets(pod.spec)):
        if owner(name, known) not in ("", task):
            yield Finding("acts-for-its-task", pod.where, f"reads the Secret {name}", "those of its task")


def owner(name: str, known: dict[str, str]) -> str:
    """The task that an object's name begins with, the longest such, or none."""
    return max((task for task in known if name == task or name.startswith(f"{task}-")), key=len, default="")


def _secrets(node: object) -> set[str]:
    """The names of every Secret that a document refers to."""
    if isinstance(node, list):
        return {name for one in node for name in _secrets(one)}
    if not isinstance(node, dict):
        return set()
    own = {
        str(node[reference].get("name") or node[reference].get("secretName"))
        for reference in ("secretKeyRef", "secretRef", "secret")
        if isinstance(node.get(reference), dict)
    }
    return own | {name for one in node.values() for name in _secrets(one)}


def changes_its_task(overlay: Rendered) -> Iterator[Finding]:
    """A role that an account of a task is bound to changes objects of that task only, each by its name."""
    known = tasks(overlay)
    for binding in overlay.of("RoleBinding"):
        role = overlay.named("Role", binding["roleRef"]["name"], space(binding))
        for one in binding.get("subjects", []) if role else ():
            task = owner(one["name"], known) if one["kind"] == "ServiceAccount" else ""
            strange = _strange(role, task, known) if role and task else []
            if strange:
                yield Finding(
                    "changes-its-task", label(binding), f"lets {one['name']} at {', '.join(strange)}", "resourceNames"
                )


def _strange(role: Document, task: str, known: dict[str, str]) -> list[str]:
    """What a role lets an account of `task` change, or read by name, that is not the task's."""
    named = [name for rule in role["rules"] for name in rule.get("resourceNames", [])]
    open_ = [
        f"every {resource}"
        for rule in role["rules"]
        if not rule.get("resourceNames") and not set(rule["verbs"]) <= {"get", "list", "watch"}
        for resource in rule["resources"]
    ]
    return sorted({name for name in named if owner(name, known) != task}) + open_


RULES: Final[tuple[Rule, ...]] = (acts_for_its_task, changes_its_task)
