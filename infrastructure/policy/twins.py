"""Bad twins of the manifests: one seeded fault each, and the rule or tool that must catch it."""

from __future__ import annotations

from typing import Final

from infrastructure.policy import lasting, twins_of_traffic
from infrastructure.policy.planting import Twin, add, drop, env, more, put, runtime, service, slot, transformer
from infrastructure.policy.twins_of_tasks import TASKS

PODS: Final = (
    Twin("privileged transformer", "no-privileges", transformer("securityContext", "privileged", True)),
    Twin(
        "transformer that may gain privileges",
        "no-privileges",
        transformer("securityContext", "allowPrivilegeEscalation", True),
    ),
    Twin("predictor as root", "run-as-nobody", runtime("containers", 0, "securityContext", "runAsUser", 0)),
    Twin("transformer that may be root", "run-as-nobody", transformer("securityContext", "runAsNonRoot", False)),
    Twin(
        "transformer with a capability",
        "no-capabilities",
        transformer("securityContext", "capabilities", {"add": ["NET_ADMIN"]}),
    ),
    Twin(
        "writable root", "read-only-root", runtime("containers", 0, "securityContext", "readOnlyRootFilesystem", False)
    ),
    Twin("no seccomp", "seccomp", transformer("securityContext", "seccompProfile", {"type": "Unconfined"})),
    Twin("no memory limit", "requests-and-limits", transformer("resources", "limits", {"cpu": "2"})),
    Twin("password in env", "no-secret-in-env", env("DB_PASSWORD", "hunter2")),
    Twin(
        "password in a URL", "no-secret-in-env", env("CONTENDER_EXTRA", "postgresql://contender:hunter2@db/contender")
    ),
    Twin("latest image", "image-is-fixed", transformer("image", "docker.io/contender/serving:latest")),
    Twin("image without a tag", "image-is-fixed", runtime("containers", 0, "image", "docker.io/other/serving")),
    Twin("our image by tag", "ours-by-digest", transformer("image", "registry.example/contender/serving:1.2.3")),
    Twin("no preStop", "prestop-drain", transformer("lifecycle", None)),
    Twin("grace below the deadline", "grace-over-deadline", service("transformer", "terminationGracePeriodSeconds", 5)),
    Twin(
        "readiness by TCP",
        "probes-over-http",
        runtime("containers", 0, "readinessProbe", {"tcpSocket": {"port": 8080}}),
    ),
    Twin("no startup probe", "probes-over-http", runtime("containers", 0, "startupProbe", None)),
    Twin(
        "ready as soon as alive",
        "ready-means-ready",
        transformer("readinessProbe", "httpGet", {"path": "/v2/health/live", "port": 8080}),
    ),
    Twin("silent death", "last-words", transformer("terminationMessagePolicy", None)),
    Twin("host network", "no-host", service("transformer", "hostNetwork", True)),
    Twin(
        "host path",
        "no-host",
        more(
            "InferenceService", "job-change", "spec", "transformer", "volumes", {"name": "h", "hostPath": {"path": "/"}}
        ),
    ),
    Twin(
        "endless scratch",
        "scratch-is-bounded",
        more("InferenceService", "job-change", "spec", "transformer", "volumes", {"name": "e", "emptyDir": {}}),
    ),
    Twin("slot with a token", "token-where-needed", slot("spec", "predictor", "automountServiceAccountToken", True)),
    Twin("shared account", "own-account", slot("spec", "predictor", "serviceAccountName", "default")),
    Twin("service links", "no-service-links", slot("spec", "predictor", "enableServiceLinks", True)),
    Twin(
        "gone before the successor is ready",
        "max-unavailable-zero",
        slot("spec", "predictor", "deploymentStrategy", "rollingUpdate", "maxUnavailable", 1),
    ),
    Twin("all in one zone", "spread", slot("spec", "predictor", "topologySpreadConstraints", [])),
    Twin("mount of nothing", "mounts-exist", transformer("volumeMounts", 0, "name", "nowhere")),
)

WIRING: Final = (
    Twin(
        "route to a deleted service",
        "route-leads-somewhere",
        put("HTTPRoute", "job-change", "spec", "rules", 0, "backendRefs", 0, "name", "job-change-old-transformer"),
    ),
    Twin("route to a deleted gateway", "route-leads-somewhere", drop("Gateway", "contender")),
    Twin(
        "route that shows everything",
        "route-is-narrow",
        put("HTTPRoute", "job-change", "spec", "rules", 0, "matches", [{"path": {"type": "PathPrefix", "value": "/"}}]),
    ),
    Twin(
        "route without an end",
        "route-has-timeouts",
        put("HTTPRoute", "job-change", "spec", "rules", 0, "timeouts", None),
    ),
    Twin(
        "gateway without TLS",
        "gateway-speaks-tls",
        put("Gateway", "contender", "spec", "listeners", 0, "protocol", "HTTP"),
    ),
    Twin("load balancer", "services-stay-inside", put("Service", "exporter", "spec", "type", "LoadBalancer")),
    Twin(
        "budget on nobody",
        "budget-protects",
        put("PodDisruptionBudget", "job-change-transformer", "spec", "selector", "matchLabels", "component", "proxy"),
    ),
    Twin("no budget", "budget-protects", drop("PodDisruptionBudget", "job-role-transformer")),
    Twin(
        "budget that blocks",
        "budget-protects",
        put("PodDisruptionBudget", "job-change-transformer", "spec", "maxUnavailable", 0),
    ),
    Twin(
        "service on a closed port",
        "service-selects-a-port",
        put("Service", "exporter", "spec", "ports", 0, "targetPort", 9090),
    ),
    Twin("account that is not there", "account-exists", drop("ServiceAccount", "job-role-slot")),
    Twin(
        "secret that is not there",
        "references-exist",
        more(
            "Deployment",
            "exporter",
            *("spec", "template", "spec", "containers", 0, "env"),
            {"name": "OTHER", "valueFrom": {"secretKeyRef": {"name": "other", "key": "url"}}},
        ),
    ),
    Twin(
        "secret in the files", "no-secret-in-files", add("Secret", "s", "v1", {"stringData": {"password": "hunter2"}})
    ),
    Twin("role that reads secrets", "roles-are-narrow", put("Role", "rollback", "rules", 0, "resources", ["secrets"])),
    Twin("role of everything", "roles-are-narrow", put("Role", "deployer", "rules", 0, "verbs", ["*"])),
    Twin(
        "reader of every routing",
        "release-names-what-it-changes",
        put("Role", "job-change-routing-reader", "rules", 0, "resourceNames", None),
    ),
    Twin(
        "release that creates",
        "release-names-what-it-changes",
        more("Role", "job-change-release", "rules", 1, "verbs", "create"),
    ),
    Twin(
        "deployers are administrators",
        "nobody-is-everybody",
        put("RoleBinding", "deployers", "roleRef", "name", "cluster-admin"),
    ),
    Twin(
        "everyone rolls back",
        "nobody-is-everybody",
        put("RoleBinding", "rollback", "subjects", 0, "name", "system:authenticated"),
    ),
    Twin(
        "namespace that admits anything",
        "namespace-is-restricted",
        put("Namespace", "contender", "metadata", "labels", "pod-security.kubernetes.io/enforce", "privileged"),
    ),
    Twin(
        "foundation without its account",
        "foundation-is-complete",
        put("ServiceAccount", "mlflow", "metadata", "labels", "contender/layer", None),
    ),
    Twin(
        "foundation without its settings",
        "foundation-is-complete",
        put("ConfigMap", "mlflow", "metadata", "labels", "contender/layer", None),
    ),
    Twin(
        "foundation that nobody reaches",
        "foundation-is-complete",
        put("Service", "mlflow", "metadata", "labels", "contender/layer", None),
    ),
    Twin(
        "MLflow with jobs",
        "mlflow-keeps-records",
        put("Deployment", "mlflow", "spec", "template", "spec", "containers", 0, "env", []),
    ),
    Twin(
        "MLflow that refuses its clients",
        "mlflow-keeps-records",
        put(
            "Deployment",
            "mlflow",
            "spec",
            "template",
            "spec",
            "containers",
            0,
            "args",
            ["server", "--allowed-hosts=mlflow.mlflow"],
        ),
    ),
    Twin("no default deny", "namespace-denies-by-default", drop("NetworkPolicy", "default-deny")),
)

KSERVE: Final = (
    Twin("mode of the cluster's default", "standard-mode", slot("metadata", "annotations", {})),
    Twin("canary that is ignored", "standard-mode", slot("spec", "predictor", "canaryTrafficPercent", 10)),
    Twin("KServe's own route", "no-second-door", slot("metadata", "labels", "networking.kserve.io/visibility", None)),
    Twin(
        "runtime without a version",
        "runtime-is-versioned",
        put("ServingRuntime", "contender-onnx-v1", "metadata", "name", "onnx"),
    ),
    Twin(
        "runtime that is not there",
        "runtime-exists",
        slot("spec", "predictor", "model", "runtime", "contender-onnx-v9"),
    ),
    Twin("any storage", "storage-is-named", slot("spec", "predictor", "storageContainerName", None)),
    Twin(
        "version in the files",
        "release-owns-versions",
        slot("spec", "predictor", "model", "storageUri", "s3://b/models/7"),
    ),
    Twin(
        "routing in the files",
        "release-owns-versions",
        put("ConfigMap", "job-change-routing", "data", {"routing.json": "{}"}),
    ),
    Twin("scaled to nothing", "enough-replicas", slot("spec", "predictor", "minReplicas", 0)),
    Twin("one transformer", "enough-replicas", service("transformer", "minReplicas", 1)),
    Twin(
        "probe beside the runtime's",
        "probes-are-the-runtimes",
        slot("spec", "predictor", "model", "livenessProbe", {"exec": {}}),
    ),
    Twin("quotes in a template", "quotes-survive", runtime("containers", 0, "args", ['--name={{"x"}}'])),
    Twin(
        "two rounds at once",
        "one-release-at-a-time",
        put("CronJob", "job-change-reconcile", "spec", "concurrencyPolicy", "Allow"),
    ),
    Twin("undo by the clock", "one-release-at-a-time", put("CronJob", "job-change-undo", "spec", "suspend", False)),
    Twin("a switch stated on", "one-owner", put("CronJob", "job-change-reconcile", "spec", "suspend", False)),
    Twin(
        "replicas beside an autoscaler",
        "one-owner",
        add(
            "HorizontalPodAutoscaler",
            "exporter",
            "autoscaling/v2",
            {"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "exporter"}}},
        ),
    ),
    Twin("no lease", "one-release-at-a-time", drop("Lease", "job-change-reconcile")),
    Twin(
        "rollback held by nothing",
        "rollback-is-held",
        put(
            "ValidatingAdmissionPolicyBinding", "contender-rollback-starts-undo", "spec", "validationActions", ["Audit"]
        ),
    ),
    Twin(
        "monitor of nobody",
        "monitors-select",
        put(
            "ServiceMonitor", "transformers", "spec", "selector", "matchLabels", "app.kubernetes.io/component", "proxy"
        ),
    ),
)

TWINS: Final = (*PODS, *WIRING, *KSERVE, *TASKS, *twins_of_traffic.TWINS, *lasting.TWINS)

SCHEMAS: Final = (
    Twin("misspelt field of KServe's", "custom-schema", slot("spec", "predictor", "minReplica", 2)),
    Twin(
        "port as a word",
        "custom-schema",
        put("HTTPRoute", "job-change", "spec", "rules", 0, "backendRefs", 0, "port", "http"),
    ),
    Twin(
        "kind nobody defines", "custom-schema", add("InferenceServise", "x", "serving.kserve.io/v1beta1", {"spec": {}})
    ),
    Twin("misspelt field of a core kind", "core-schema", put("CronJob", "job-change-undo", "spec", "suspended", True)),
    Twin("replicas as a word", "core-schema", put("Deployment", "exporter", "spec", "replicas", "one")),
)
"""Those that an API server would refuse, or drop without a word."""

CHECKOV: Final = (
    Twin("privileged transformer", "checkov CKV_K8S_16", transformer("securityContext", "privileged", True)),
    Twin("shares the node's processes", "checkov CKV_K8S_17", service("transformer", "hostPID", True)),
    Twin(
        "transformer that may gain privileges",
        "checkov CKV_K8S_20",
        transformer("securityContext", "allowPrivilegeEscalation", True),
    ),
    Twin(
        "docker's socket",
        "checkov CKV_K8S_27",
        put(
            "Deployment",
            "exporter",
            "spec",
            "template",
            "spec",
            "volumes",
            [{"name": "tmp", "hostPath": {"path": "/var/run/docker.sock"}}],
        ),
    ),
    Twin("no liveness probe", "checkov CKV_K8S_8", transformer("livenessProbe", None)),
)
"""Those that the scanner finds by itself."""
