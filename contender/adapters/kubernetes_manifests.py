"""Manifests: rendered by kubectl, applied server-side through the Kubernetes API, or only tried there."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import yaml

from contender.adapters.kubernetes_api import APPLY, Api, Document, field_of
from contender.errors import DeadlineExceeded, InvalidInput, NotFound, Unavailable

OWNER: Final = "contender-manifests"
"""The field manager of everything that is written in manifests."""

_RENDER_S: Final = 60.0


def rendered(folder: Path, program: str = "kubectl") -> list[Document]:
    """The objects of the overlay in `folder`, as `kubectl kustomize` renders them.

    Raises:
        InvalidInput: there is no such overlay, or it cannot be rendered.
        Unavailable: there is no kubectl.
        DeadlineExceeded: rendering takes more than a minute.
    """
    if not (folder / "kustomization.yaml").is_file():
        raise InvalidInput("--environment", f"there is no overlay {folder}", remedy="run this where the project is")
    command = [program, "kustomize", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_RENDER_S, check=False)
    except FileNotFoundError as error:
        raise Unavailable(f"{program} is not installed", remedy="install kubectl 1.34 or newer") from error
    except subprocess.TimeoutExpired as error:
        raise DeadlineExceeded(f"{folder} was not rendered within {_RENDER_S:g} s") from error
    if done.returncode:
        raise InvalidInput(str(folder), f"cannot be rendered: {done.stderr.strip()[:500]}")
    return parsed(done.stdout, str(folder))


def parsed(text: str, subject: str) -> list[Document]:
    """The objects in the YAML `text`.

    Raises:
        InvalidInput: it is no YAML, or holds something else than objects with a kind and a name.
    """
    try:
        found = [one for one in yaml.safe_load_all(text) if one is not None]
    except yaml.YAMLError as error:
        raise InvalidInput(subject, "is no YAML", remedy="render it with kubectl kustomize or helm template") from error
    for one in found:
        if not all(
            isinstance(field_of(one, *path), str) for path in (("apiVersion",), ("kind",), ("metadata", "name"))
        ):
            raise InvalidInput(subject, "holds something without apiVersion, kind and name")
    return found


class Manifests:
    """What the API serves, and the way to each object; what it serves is asked once for each group."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._served: dict[str, dict[str, tuple[str, bool]]] = {}

    def serves(self, version: str, kind: str) -> bool:
        """Whether the API knows `kind` in the group and version `version` (such as ``apps/v1``)."""
        return kind in self._kinds(version)

    def path(self, document: Mapping[str, object]) -> str:
        """The path of an object.

        Raises:
            NotFound: the API does not know its kind.
        """
        version, kind = str(document["apiVersion"]), str(document["kind"])
        if not self.serves(version, kind):
            raise NotFound(f"the Kubernetes API knows no {kind} of {version}")
        resource, namespaced = self._kinds(version)[kind]
        inside = f"namespaces/{field_of(document, 'metadata', 'namespace')}/" if namespaced else ""
        return f"{_root(version)}/{inside}{resource}/{field_of(document, 'metadata', 'name')}"

    def apply(self, document: Document, *, dry: bool = False) -> Document:
        """State an object in the name of `OWNER`; with `dry` it passes admission and nothing is kept.

        Raises:
            Conflict: another field manager owns a field with another value; nothing is taken from it.
            InvalidInput, Refused, NotFound, Unavailable: the API refuses it.
        """
        query = {"fieldManager": OWNER} | ({"dryRun": "All"} if dry else {})
        return self._api.call("PATCH", self.path(document), document, kind=APPLY, query=query)

    def _kinds(self, version: str) -> dict[str, tuple[str, bool]]:
        if version not in self._served:
            self._served[version] = self._asked(version)
        return self._served[version]

    def _asked(self, version: str) -> dict[str, tuple[str, bool]]:
        try:
            resources: Sequence[Document] = self._api.call("GET", _root(version)).get("resources", ())
        except NotFound:
            return {}
        return {one["kind"]: (one["name"], one["namespaced"]) for one in resources if "/" not in one["name"]}


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"
