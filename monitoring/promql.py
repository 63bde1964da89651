"""PromQL selectors made from the catalogue: a metric that does not exist, or a label it has not, cannot be written."""

from __future__ import annotations

import re
from typing import Final

from monitoring.metrics import CATALOGUE, MetricSpec

NAME: Final = re.compile(r"\bcontender_[a-z_]+")
TASK: Final = 'task="$task"'
"""Every panel shows the task that is chosen."""


def equal(label: str, value: object) -> str:
    """The matcher of series whose `label` is `value`."""
    return f'{label}="{value}"'


def series(spec: MetricSpec, *matchers: str, part: str = "") -> str:
    """The selector of a metric of ours; `part` is a histogram's ``_bucket``, ``_count`` or ``_sum``.

    Raises:
        ValueError: a matcher names a label that the metric has not.
    """
    known = {*spec.labels, "le"} if part == "_bucket" else set(spec.labels)
    for matcher in matchers:
        label = re.split(r"[=!]", matcher)[0]
        if label not in known:
            raise ValueError(f"{spec.name} has no label {label!r}")
    return f"{spec.name}{part}" + (f"{{{','.join(matchers)}}}" if matchers else "")


def of_task(spec: MetricSpec, *matchers: str, part: str = "") -> str:
    """The selector of the task that a dashboard shows."""
    return series(spec, TASK, *matchers, part=part)


def rate(selector: str) -> str:
    """Per second, over the interval that Grafana holds right for the picture's width."""
    return f"rate({selector}[$__rate_interval])"


def risen(selector: str, window: str) -> str:
    """By how much a counter rose within `window`; a series that only just appeared counts from nothing.

    A counter's first increment makes its series appear, which `increase` does not see.
    """
    return f"(increase({selector}[{window}]) > 0 or ({selector} unless {selector} offset {window}) > 0)"


def metrics_in(expression: str) -> set[str]:
    """The names of our metrics in `expression`, as the catalogue has them."""
    names = {spec.name for spec in CATALOGUE}
    found = set(NAME.findall(expression))
    return {name if name in names else re.sub(r"_(bucket|count|sum)$", "", name) for name in found}
