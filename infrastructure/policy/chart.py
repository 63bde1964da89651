"""The Helm chart: rendered by Helm's own library, and held equal to the overlays, object by object."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from infrastructure.policy.objects import Document, Finding, Rendered, label, space
from infrastructure.policy.render import ROOT, Missing

CHART: Final = ROOT / "infrastructure" / "charts" / "contender"
PYTHON: Final = ROOT / ".tools" / "policy" / "bin" / "python"
REMEDY: Final = "infrastructure/policy/check.sh --install"
DEADLINE_S: Final = 120
MORE: Final = {
    "tasks": {"loan-offer": {"slots": ["blue", "green", "violet", "amber"]}},
    "quota": {"hard": {"requests.cpu": "60", "requests.memory": "52Gi", "limits.memory": "110Gi", "pods": "200"}},
}
"""Values of one task more, with every slot there can be, and with the quota that production then needs."""
HELMS: Final = ("helm.sh/", "meta.helm.sh/")
"""Labels and annotations that Helm alone reads."""


class ValuesRefused(Exception):
    """The chart's schema or templates refuse the values; the message names each that is wrong."""


def values(name: str) -> Document:
    """What `values-<name>.yaml` of the chart says."""
    found: Document = yaml.safe_load((CHART / f"values-{name}.yaml").read_text())
    return found


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Document:
    """Values over values as Helm merges files: maps key by key, everything else is replaced."""
    both = {
        name: merged(below[name], value) if isinstance(value, dict) and isinstance(below.get(name), dict) else value
        for name, value in above.items()
    }
    return {**below, **both}


def rendered(name: str, given: Mapping[str, Any]) -> Rendered:
    """What the chart applies with these values, under the name of the environment.

    Raises:
        ValuesRefused: the values are not what the chart takes.
        Missing: Helm's library is not installed, or did not run.
    """
    answer = _asked({"what": "render", "values": given})
    if "refused" in answer:
        raise ValuesRefused(answer["refused"])
    texts = [text for file, text in sorted(answer["rendered"].items()) if file.endswith(".yaml")]
    return Rendered(name, (one for text in texts for one in yaml.safe_load_all(text) if one))


def linted(given: Mapping[str, Any]) -> list[str]:
    """What `helm lint` says about the chart with these values, information left out.

    Raises:
        Missing: Helm's library is not installed, or did not run.
    """
    messages = _asked({"what": "lint", "values": given})["messages"]
    return [f"{one['path']}: {one['error']}" for one in messages if one["severity"] > 1]


def packaged(folder: Path) -> Path:
    """The chart's archive, made in a folder: what is pushed to a registry.

    Raises:
        Missing: Helm's library is not installed, or did not run.
    """
    return Path(_asked({"what": "package", "folder": str(folder)})["archive"])


def differences(chart: Rendered, overlay: Rendered) -> Iterator[Finding]:
    """Where the chart applies something else than the overlay of the same name: objects, then fields."""
    ours, theirs = ({_key(one): one for one in each} for each in (chart, overlay))
    for key in sorted(set(ours) ^ set(theirs)):
        where, other = ("chart", "overlay") if key in ours else ("overlay", "chart")
        yield _differs(overlay, "/".join(filter(None, key)), f"is in the {where} and not in the {other}")
    for key in sorted(set(ours) & set(theirs)):
        for path, one, other in _unequal(_plain(ours[key]), theirs[key], ""):
            yield _differs(overlay, f"{label(theirs[key])} {path}", f"{one!r} in the chart, {other!r} in the overlay")


def _differs(overlay: Rendered, where: str, why: str) -> Finding:
    return Finding("chart-equals-overlay", f"{overlay.overlay}: {where}", why, "infrastructure/charts/contender")


def _key(one: Document) -> tuple[str, str, str]:
    return one["kind"], space(one), one["metadata"]["name"]


def _plain(one: Document) -> Document:
    """An object without the labels and annotations that only Helm reads."""
    meta = dict(one["metadata"])
    for kind in ("labels", "annotations"):
        kept = {name: value for name, value in meta.pop(kind, {}).items() if not name.startswith(HELMS)}
        meta |= {kind: kept} if kept else {}
    return {**one, "metadata": meta}


def _unequal(one: Any, other: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(set(one) | set(other)):
            yield from _unequal(one.get(name), other.get(name), f"{path}.{name}")
    elif isinstance(one, list) and isinstance(other, list) and path.endswith(".env"):
        yield from _unequal(_by_name(one), _by_name(other), path)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from _unequal(mine, theirs, f"{path}[{number}]")
    elif path.endswith(".expression"):
        # kustomize folds long lines of CEL anew, with an empty line more; it means the same.
        yield from _unequal(str(one).split(), str(other).split(), path.removesuffix(".expression"))
    elif one != other or isinstance(one, bool) != isinstance(other, bool):
        yield path, one, other


def _by_name(variables: list[Document]) -> Document:
    """Variables in no order: the API server merges them by name, and components add theirs in any."""
    return {one["name"]: one for one in variables}


def _asked(request: Mapping[str, Any]) -> Document:
    if not PYTHON.exists():
        raise Missing(f"Helm's library is needed and not here: {REMEDY}")
    command = [str(PYTHON), "-m", "infrastructure.policy.chart"]
    done = subprocess.run(
        command,
        input=json.dumps({"chart": str(CHART), **request}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    if done.returncode:
        raise Missing(f"Helm's library did not run: {done.stderr.strip()[-800:]}; {REMEDY}")
    answer: Document = json.loads(done.stdout)
    return answer


def answered(request: Mapping[str, Any]) -> Document:
    """What Helm says to a request of this module's: run in the tools' own environment, where Helm's library is."""
    import helm_python  # type: ignore[import-not-found]  # lives in the tools' environment only

    if request["what"] == "lint":
        return {"messages": helm_python.lint(request["chart"], values=request["values"])["messages"]}
    if request["what"] == "package":
        return {"archive": str(helm_python.package(request["chart"], destination=request["folder"]))}
    try:
        with helm_python.Chart.load(request["chart"]) as chart:
            return {"rendered": chart.render(request["values"], name="contender", namespace="contender")}
    except (helm_python.HelmValuesError, helm_python.HelmRenderError) as error:
        return {"refused": str(error)}


if __name__ == "__main__":
    json.dump(answered(json.load(sys.stdin)), sys.stdout)
