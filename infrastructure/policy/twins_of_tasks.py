"""Bad twins of what belongs to one task or one team: one seeded fault each, and the rule that must catch it."""

from __future__ import annotations

from typing import Final

from infrastructure.policy.planting import Twin, drop, more, put, service, slot, transformer

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
        "account of another team",
        "stays-in-its-namespace",
        put("RoleBinding", "job-change-release", "subjects", 0, "namespace", "contender-team-b"),
    ),
    Twin(
        "group of another team",
        "stays-in-its-namespace",
        put("RoleBinding", "rollback", "subjects", 0, "name", "contender-team-b:rollback"),
    ),
    Twin(
        "door for another team",
        "stays-in-its-namespace",
        put(
            "NetworkPolicy",
            "gateway-to-transformer",
            *("spec", "ingress", 0, "from", 0, "namespaceSelector", "matchLabels"),
            {"kubernetes.io/metadata.name": "contender-team-b"},
        ),
    ),
    Twin(
        "door for every namespace",
        "stays-in-its-namespace",
        put("NetworkPolicy", "gateway-to-transformer", "spec", "ingress", 0, "from", 0, {"namespaceSelector": {}}),
    ),
    Twin(
        "slot of another team",
        "stays-in-its-namespace",
        transformer("env", 0, {"name": "CONTENDER_GREEN_URL", "value": "http://x-predictor.contender-team-b"}),
    ),
    Twin(
        "certificate of another team",
        "stays-in-its-namespace",
        put(
            "Gateway",
            "contender",
            *("spec", "listeners", 0, "tls", "certificateRefs", 0),
            {"kind": "Secret", "name": "contender-tls", "namespace": "contender-team-b"},
        ),
    ),
    Twin(
        "route to another team",
        "stays-in-its-namespace",
        put("HTTPRoute", "job-role", "spec", "rules", 0, "backendRefs", 0, "namespace", "contender-team-b"),
    ),
    Twin(
        "rollback of a namespace that nothing holds",
        "stays-in-its-namespace",
        put(
            "ValidatingAdmissionPolicyBinding",
            "contender-rollback-starts-undo",
            *("spec", "matchResources", "namespaceSelector", "matchLabels", "kubernetes.io/metadata.name"),
            "contender-team-b",
        ),
    ),
    Twin("no quota", "namespace-has-a-quota", drop("ResourceQuota", "contender")),
    Twin("no defaults under a quota", "namespace-has-a-quota", drop("LimitRange", "contender")),
    Twin(
        "quota that refuses its own pods",
        "namespace-has-a-quota",
        put("ResourceQuota", "contender", "spec", "hard", "requests.cpu", "8"),
    ),
    Twin(
        "quota that holds nobody",
        "namespace-has-a-quota",
        put("ResourceQuota", "contender", "spec", "hard", "pods", "5000"),
    ),
    Twin(
        "reader that may end pods",
        "changes-its-task",
        more("Role", "job-change-release-reader", "rules", 3, "verbs", "delete"),
    ),
)
