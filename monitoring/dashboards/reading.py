"""Dashboards as they were written: their questions to Prometheus, with the variables filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from contender.errors import InvalidInput

LABEL_VALUES: Final = re.compile(r"label_values\((?P<selector>.+), (?P<label>\w+)\)")


@dataclass(frozen=True, slots=True)
class Scope:
    """What the variables stand for: the task, the experiments (a regular expression), the shortest rate interval."""

    task: str
    experiment: str = ".+"
    rate_interval: str = "1m"

    def fill(self, expression: str) -> str:
        """The expression as Grafana would send it."""
        words = {"$__rate_interval": self.rate_interval, "$task": self.task, "$experiment": self.experiment}
        for name, value in words.items():
            expression = expression.replace(name, value)
        return expression


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel: over time, or of this moment."""

    ref: str
    expr: str
    legend: str
    over_time: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A panel as it was written."""

    title: str
    about: str
    kind: str
    unit: str
    width: int
    targets: tuple[Target, ...]
    states: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    names: bool = False
    least: float | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable whose values are those of a label."""

    name: str
    selector: str
    label: str


@dataclass(frozen=True, slots=True)
class Written:
    """A dashboard as it was written: rows by their title, variables, marks by their title."""

    uid: str
    title: str
    about: str
    rows: Mapping[str, tuple[Shown, ...]]
    variables: tuple[Variable, ...]
    marks: Mapping[str, str]

    @property
    def panels(self) -> tuple[Shown, ...]:
        """All panels, in reading order."""
        return tuple(panel for row in self.rows.values() for panel in row)


def read_folder(folder: Path) -> tuple[Written, ...]:
    """Every dashboard in `folder`, by file name.

    Raises:
        InvalidInput: there is none.
    """
    import json

    found = tuple(written(json.loads(path.read_text())) for path in sorted(folder.glob("*.json")))
    if not found:
        raise InvalidInput(str(folder), "holds no dashboard", remedy="contender dash generate")
    return found


def written(document: Mapping[str, Any]) -> Written:
    """What a dashboard's JSON document says."""
    rows: dict[str, tuple[Shown, ...]] = {}
    title = ""
    for panel in document["panels"]:
        if panel["type"] == "row":
            title = panel["title"]
            rows[title] = ()
        else:
            rows[title] = (*rows.get(title, ()), _shown(panel))
    marks = {one["name"]: one["expr"] for one in document["annotations"].get("list", ())}
    variables = tuple(_variables(document))
    return Written(document["uid"], document["title"], document["description"], rows, variables, marks)


def _variables(document: Mapping[str, Any]) -> Iterator[Variable]:
    for one in document["templating"]["list"]:
        if one["type"] == "query":
            found = LABEL_VALUES.fullmatch(one["query"])
            if found is None:
                raise InvalidInput(one["name"], f"asks in a way that is not understood: {one['query']}")
            yield Variable(one["name"], found["selector"], found["label"])


def _shown(panel: Mapping[str, Any]) -> Shown:
    defaults = panel["fieldConfig"]["defaults"]
    targets = (Target(t["refId"], t["expr"], t["legendFormat"], bool(t["range"])) for t in panel["targets"])
    states = {
        value: (text["text"], text["color"])
        for mapping in defaults.get("mappings", ())
        for value, text in mapping["options"].items()
    }
    return Shown(
        panel["title"],
        panel["description"],
        panel["type"],
        defaults["unit"],
        panel["gridPos"]["w"],
        tuple(targets),
        states,
        panel["options"].get("textMode") == "name",
        defaults.get("min"),
    )
