"""Rendered objects against the schemas that an API server holds them to: core kinds, and the custom resources' own."""

from __future__ import annotations

import hashlib
import http.client
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from infrastructure.policy.objects import Document, Finding, Rendered, label
from infrastructure.policy.render import ROOT, Missing

KUBERNETES: Final = "1.36"
"""The version of the clusters (infrastructure/terraform/envs)."""
CRDS: Final = ROOT / ".tools" / "crds"
"""Where downloaded definitions are kept."""
HOST: Final = "https://raw.githubusercontent.com"


class Source(NamedTuple):
    """Where custom resources are defined: the folder of a copy, a repository at a commit, how the files' paths begin
    in it, and the rest of their names (without `.yaml`) with the sha256 of each.
    """

    copy: str
    repository: str
    commit: str
    beginning: str
    files: Mapping[str, str]

    def path(self, name: str) -> str:
        """Where one file lies on the host that keeps the repository."""
        return f"{self.repository}/{self.commit}/{self.beginning}{name}.yaml"

    def place(self, folder: Path, name: str) -> Path:
        """Where a copy of one file lies in a folder of copies."""
        return folder / self.copy / Path(f"{self.beginning}{name}.yaml").name


def definitions(
    sources: Iterable[Source], given: Path | None = None, *, kept: Path = CRDS, host: str = HOST
) -> dict[tuple[str, str], Document]:
    """The schema of every custom resource by its apiVersion and kind.

    They are read from `given` where the same files lie in folders of the same names, else downloaded from `host` once
    and kept in `kept`.

    Raises:
        Missing: a file is not what it was when it was pinned, or cannot be had.
    """
    found: dict[tuple[str, str], Document] = {}
    for source in sources:
        for name, digest in source.files.items():
            found |= dict(_versions(yaml.safe_load(_file(source, name, digest, (given, kept, host)))))
    return found


def kept(file: Path) -> dict[tuple[str, str], Document]:
    """The schema of every custom resource that a file of the project defines, by apiVersion and kind."""
    return dict(one for each in yaml.safe_load_all(file.read_text()) for one in _versions(each))


def _file(source: Source, name: str, digest: str, places: tuple[Path | None, Path, str]) -> bytes:
    given, kept, host = places
    for copy in (source.place(folder, name) for folder in (given, kept) if folder):
        if copy.exists():
            return _pinned(copy.read_bytes(), digest, str(copy))
    url = f"{host}/{source.path(name)}"
    text = _pinned(_downloaded(url), digest, url)
    copy = source.place(kept, name)
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(text)
    return text


def _downloaded(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:  # noqa: S310 - a pinned address
            text: bytes = reply.read()
    except (OSError, http.client.HTTPException) as error:
        raise Missing(f"{url} cannot be had: {error}; or name a folder in --crds") from error
    return text


def _pinned(text: bytes, digest: str, where: str) -> bytes:
    if hashlib.sha256(text).hexdigest() != digest:
        raise Missing(f"{where} is not the file that was pinned: remove it, or correct the checksum")
    return text


def _versions(definition: Document) -> Iterator[tuple[tuple[str, str], Document]]:
    spec = definition["spec"]
    for version in spec["versions"]:
        yield (f"{spec['group']}/{version['name']}", spec["names"]["kind"]), version["schema"]["openAPIV3Schema"]


def custom(overlay: Rendered, known: Mapping[tuple[str, str], Document]) -> Iterator[Finding]:
    """Every breach of a custom resource's schema; unknown fields and unknown kinds, too, which a server would drop."""
    for one in overlay:
        schema = known.get((one["apiVersion"], one["kind"]))
        if schema:
            for where, why in mismatches(one, schema, top=True):
                yield Finding("custom-schema", f"{overlay.overlay}: {label(one)}", f"{where or '.'}: {why}", "the CRD")
        elif "." in one["apiVersion"].split("/")[0] and not one["apiVersion"].split("/")[0].endswith(".k8s.io"):
            yield Finding(
                "custom-schema", f"{overlay.overlay}: {label(one)}", "is of a kind nobody defines", "apiVersion, kind"
            )


_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def mismatches(value: Any, schema: Document, where: str = "", *, top: bool = False) -> Iterator[tuple[str, str]]:
    """Where a value departs from a structural schema, and how: type, enumeration, required and unknown fields."""
    if schema.get("x-kubernetes-int-or-string"):
        if not isinstance(value, int | str):
            yield where, "is neither a number nor a string"
        return
    types = _TYPES.get(schema.get("type", ""), (object,))
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types and object not in types):
        yield where, f"is no {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield where, f"{value!r} is none of {schema['enum']}"
    if isinstance(value, dict):
        yield from _object(value, schema, where, top=top)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from mismatches(one, schema.get("items", {}), f"{where}[{number}]")


def _object(value: Document, schema: Document, where: str, *, top: bool) -> Iterator[tuple[str, str]]:
    known, rest = schema.get("properties", {}), schema.get("additionalProperties")
    yield from ((where, f"has no {name}") for name in schema.get("required", []) if name not in value)
    free = bool(rest) or schema.get("x-kubernetes-preserve-unknown-fields") or not known
    for name, one in value.items():
        if top and name == "metadata":
            continue
        if name in known:
            yield from mismatches(one, known[name], f"{where}.{name}")
        elif isinstance(rest, dict):
            yield from mismatches(one, rest, f"{where}.{name}")
        elif not free:
            yield f"{where}.{name}", "is unknown"


def core(overlay: Rendered, python: Path) -> Iterator[Finding]:
    """Every breach of a core kind's schema, as kubernetes-validate finds it in the tools' own environment."""
    native = [one for one in overlay if _native(one)]
    program = "import sys, yaml; from infrastructure.policy.schemas import validated; sys.exit(validated(sys.stdin))"
    done = subprocess.run(
        [str(python), "-c", program],
        input=yaml.safe_dump_all(native),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise Missing(f"kubernetes-validate failed: {done.stderr.strip()}; make policy installs it")
    for line in done.stdout.splitlines():
        where, _, why = line.partition("\t")
        yield Finding("core-schema", f"{overlay.overlay}: {where}", why, f"the API of Kubernetes {KUBERNETES}")


def validated(stream: Any) -> int:
    """1 when any document of a stream breaks a core schema, each told on a line of stdout; else 0. Run by `core`."""
    import kubernetes_validate  # type: ignore[import-not-found]  # lives in the tools' environment only

    broken = 0
    for one in yaml.safe_load_all(stream):
        try:
            kubernetes_validate.validate(one, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            broken = 1
            sys.stdout.write(f"{label(one)}\t{str(error.message).splitlines()[0]}\n")
    return broken


def _native(one: Document) -> bool:
    group = one["apiVersion"].rpartition("/")[0]
    return "." not in group or (group.endswith(".k8s.io") and not group.startswith("gateway."))
