"""The rules of grafana/dashboard-linter that say something about our dashboards, over what was written.

Two of its rules are left out on purpose: that every query filters by ``job`` and by ``instance``. Our panels show a
task, whose servers are known by what they export, under whatever job a cluster or a laptop scrapes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from monitoring.metrics import CATALOGUE

Rule = Callable[[Mapping[str, Any]], Iterator[str]]
Panel = Mapping[str, Any]

COUNTERS: Final = re.compile(r"\b(contender_[a-z_]+_total|contender_[a-z_]+_bucket|process_cpu_seconds_total)\b")
AGGREGATED: Final = re.compile(r"\b(?:rate|irate|increase)\(([^()]|\([^()]*\))*\)")
RANGE: Final = re.compile(r"\b(?:rate|irate)\([^\[]+\[([^\]]+)\]")


def panels(document: Mapping[str, Any]) -> Iterator[Panel]:
    """The panels that show something."""
    return (panel for panel in document["panels"] if panel["type"] != "row")


def queries(document: Mapping[str, Any]) -> Iterator[tuple[Panel, str]]:
    """Every query with its panel."""
    return ((panel, target["expr"]) for panel in panels(document) for target in panel["targets"])


def template_datasource(document: Mapping[str, Any]) -> Iterator[str]:
    """template-datasource-rule: the data source is a variable of that name."""
    found = [one for one in document["templating"]["list"] if one["type"] == "datasource"]
    if [(one["name"], one["label"], one["query"]) for one in found] != [("datasource", "Data source", "prometheus")]:
        yield "has no variable for its data source"


def template_labels(document: Mapping[str, Any]) -> Iterator[str]:
    """template-label-promql-rule: variables ask for values of a label of one of our metrics."""
    names = {spec.name: {"task", *spec.labels} for spec in CATALOGUE}
    for one in document["templating"]["list"]:
        found = re.match(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)$", one["query"])
        if one["type"] == "query" and (found is None or found[2] not in names.get(found[1], ())):
            yield f"variable {one['name']} asks for no label of ours"


def template_reload(document: Mapping[str, Any]) -> Iterator[str]:
    """template-on-time-change-reload-rule: variables are asked anew when the time changes."""
    for one in document["templating"]["list"]:
        if one["type"] == "query" and one["refresh"] != 2:
            yield f"variable {one['name']} is not asked anew"


def panel_datasource(document: Mapping[str, Any]) -> Iterator[str]:
    """panel-datasource-rule: panels, queries and marks use the variable."""
    users = list(panels(document))
    users += [target for panel in panels(document) for target in panel["targets"]]
    users += document["annotations"].get("list", [])
    if any(user["datasource"] != {"type": "prometheus", "uid": "${datasource}"} for user in users):
        yield "something uses a data source of its own"


def panel_words(document: Mapping[str, Any]) -> Iterator[str]:
    """panel-title-description-rule: every panel says what it shows."""
    for panel in panels(document):
        if not panel["title"] or not panel["description"].endswith("."):
            yield f"{panel['title'] or panel['id']} has no title or no description"


def panel_units(document: Mapping[str, Any]) -> Iterator[str]:
    """panel-units-rule: every panel has a unit."""
    for panel in panels(document):
        if not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"{panel['title']} has no unit"


def panel_targets(document: Mapping[str, Any]) -> Iterator[str]:
    """panel-no-targets-rule: every panel asks something, each query under a letter of its own."""
    for panel in panels(document):
        refs = [target["refId"] for target in panel["targets"]]
        if not refs or len(set(refs)) < len(refs):
            yield f"{panel['title']} asks nothing, or two things under one letter"


def rate_interval(document: Mapping[str, Any]) -> Iterator[str]:
    """target-rate-interval-rule: rates are over the interval that Grafana finds."""
    for panel, expression in queries(document):
        if any(window != "$__rate_interval" for window in RANGE.findall(expression)):
            yield f"{panel['title']} takes a rate over an interval of its own"


def counters(document: Mapping[str, Any]) -> Iterator[str]:
    """target-counter-agg-rule: a counter is shown as what it does in a while."""
    for panel, expression in queries(document):
        if COUNTERS.search(AGGREGATED.sub("", expression)):
            yield f"{panel['title']} shows a bare counter"


def asks_for_the_task(document: Mapping[str, Any]) -> Iterator[str]:
    """Every selector of ours names the task that is chosen."""
    for panel, expression in queries(document):
        for selector in re.findall(r"\bcontender_[a-z_]+\b(\{[^}]*\})?", expression):
            if 'task="$task"' not in selector:
                yield f"{panel['title']} shows every task"


def uneditable(document: Mapping[str, Any]) -> Iterator[str]:
    """uneditable-dashboard-rule: what is generated is not edited by hand."""
    if document.get("editable", True):
        yield "can be edited"


RULES: Final[tuple[Rule, ...]] = (
    template_datasource,
    template_labels,
    template_reload,
    panel_datasource,
    panel_words,
    panel_units,
    panel_targets,
    rate_interval,
    counters,
    asks_for_the_task,
    uneditable,
)


def lint(document: Mapping[str, Any]) -> list[str]:
    """What is wrong with a dashboard, a sentence each."""
    return [f"{document['title']}: {fault}" for rule in RULES for fault in rule(document)]
