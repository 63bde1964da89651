"""Bad twins of what belongs to one task or one team: one seeded fault each, and the rule that must catch it."""

from __future__ import annotations

from typing import Final

from infrastructure.policy.planting import Twin, more, put, service, slot

TASKS: Final = (
    Twin(
        "slot that nobody asks",
        "slots-are-wired",
        put("InferenceService", "job-role-amber", "metadata", "labels", "app.kubernetes.io/instance", "job-change"),
    ),
    Twin(
        "slot that nobody may change",
        "slots-are-wired",
        put("Role", "job-change-more-slots-release", "rules", 0, "resourceNames", ["job-change-violet"]),
    ),
    Twin(
        "transformer as another task's",
        "acts-for-its-task",
        service("transformer", "serviceAccountName", "job-role-transformer"),
    ),
    Twin(
        "slot that may release",
        "acts-for-its-task",
        slot("spec", "predictor", "serviceAccountName", "job-change-release"),
    ),
    Twin(
        "release under another task's database user",
        "acts-for-its-task",
        more(
            "CronJob",
            "job-change-undo",
            *("spec", "jobTemplate", "spec", "template", "spec", "containers", 0, "env"),
            {"name": "X", "valueFrom": {"secretKeyRef": {"name": "job-role-store", "key": "release"}}},
        ),
    ),
    Twin(
        "release of both tasks",
        "changes-its-task",
        more("Role", "job-change-release", "rules", 0, "resourceNames", "job-role-blue"),
    ),
    Twin(
        "account bound to another task's role",
        "changes-its-task",
        put("RoleBinding", "job-change-release", "subjects", 0, "name", "job-role-release"),
    ),
    Twin(
        "reader that may end pods",
        "changes-its-task",
        more("Role", "job-change-release-reader", "rules", 3, "verbs", "delete"),
    ),
)
