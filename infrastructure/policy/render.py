"""Renders what is checked: overlays by kubectl, Terraform plans by `terraform test` with its mocked provider."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from infrastructure.policy.objects import OVERLAYS, Document, Rendered

ROOT: Final = Path(__file__).parents[2]
TERRAFORM: Final = ROOT / "infrastructure" / "terraform"
ROOTS: Final = ("bootstrap", "envs/staging", "envs/production")


class Missing(Exception):
    """A tool or a file that the gate needs is not here; the message says how to get it."""


def overlay(name: str) -> Rendered:
    """What the overlay of that name applies.

    Raises:
        Missing: kubectl is absent, or the overlay cannot be rendered.
    """
    return folder(ROOT / "infrastructure" / "kubernetes" / "overlays" / name, name)


def folder(place: Path, name: str) -> Rendered:
    """What the kustomization in a folder applies, under a name: what is not called `local` is held to every rule.

    Raises:
        Missing: kubectl is absent, or the folder cannot be rendered.
    """
    kubectl = tool("kubectl", "install kubectl 1.27 or newer: https://kubernetes.io/docs/tasks/tools")
    done = subprocess.run([kubectl, "kustomize", str(place)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{name} cannot be rendered: {done.stderr.strip()}")
    return Rendered(name, (one for one in yaml.safe_load_all(done.stdout) if one))


def overlays() -> Mapping[str, Rendered]:
    """Every overlay by its name."""
    return {name: overlay(name) for name in OVERLAYS}


def tool(name: str, remedy: str) -> str:
    """Where the program of that name is.

    Raises:
        Missing: it is not on the PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise Missing(f"{name} is needed and not here: {remedy}")
    return found


def plans() -> Mapping[str, list[Document]]:
    """The planned resources of every Terraform root by its folder: address, type, name and `values` of each.

    They are what the first run of the root's own tests brings about, with the provider mocked: no account is asked.

    Raises:
        Missing: terraform is absent, or a root cannot be planned.
    """
    terraform = tool("terraform", "install Terraform 1.11 or newer: https://developer.hashicorp.com/terraform/install")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "terraform"
        shutil.copytree(TERRAFORM, copy, ignore=shutil.ignore_patterns(".terraform", "*.tfvars", "*.tfstate*"))
        return {root: _plan(terraform, copy / root) for root in ROOTS}


def _plan(terraform: str, folder: Path) -> list[Document]:
    init = [terraform, "init", "-no-color", "-input=false", "-backend=false", "-lockfile=readonly"]
    done = subprocess.run(init, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{folder.name} cannot be planned: {done.stderr.strip()}")
    test = [terraform, "test", "-json", "-verbose"]
    with subprocess.Popen(test, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        found = next((one for line in process.stdout or () if (one := _applied(line))), [])
        # The other runs are the root's own tests, not ours; their states are of no use here.
        process.terminate()
    if not found:
        raise Missing(f"{folder.name} cannot be planned: terraform test told of no state")
    return found


def _applied(line: str) -> list[Document]:
    """The resources, if the line tells of a state; they are long, so that only those lines are parsed."""
    if '"type":"test_state"' not in line:
        return []
    return list(_resources(json.loads(line)["test_state"]["root_module"]))


def _resources(module: Mapping[str, Any]) -> Iterator[Document]:
    yield from (one for one in module.get("resources", []) if one.get("mode") == "managed")
    for child in module.get("child_modules", []):
        yield from _resources(child)
