"""Every alert has its runbook, every runbook its alert, and each says the four things."""

from __future__ import annotations

import re

import pytest

from monitoring.alerts.catalog import ALERTS
from monitoring.alerts.routing import SILENCED, Receivers, alertmanager
from monitoring.paths import ROOT

PAGE = (ROOT / "docs" / "runbooks" / "alerts.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL))
WORDS = ("Meaning", "Impact", "Diagnosis", "Mitigation")


def test_headings_are_the_alerts_in_their_order() -> None:
    assert list(SECTIONS) == [alert.name for alert in ALERTS]


@pytest.mark.parametrize("name", SECTIONS)
def test_a_runbook_says_what_it_means_and_what_to_do(name: str) -> None:
    assert tuple(re.findall(r"^- \*\*(\w+)\.\*\* \S", SECTIONS[name], re.MULTILINE)) == WORDS


def test_only_known_alerts_silence_or_are_silenced() -> None:
    named = {name for source, targets in SILENCED for name in (source, *targets.split("|"))}
    assert named <= {alert.name for alert in ALERTS}


def test_a_receiver_without_an_address_is_told_nothing() -> None:
    receivers = alertmanager(Receivers(pager="http://pager"))["receivers"]
    assert [one["name"] for one in receivers if "webhook_configs" in one] == ["pager"]
