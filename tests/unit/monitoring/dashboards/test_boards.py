"""Dashboards say only what the catalogue knows, keep the linter's rules, and are committed as they are written."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from monitoring import generate, metrics
from monitoring.alerts.catalog import ALERTS, GROUPS, UNUSED
from monitoring.dashboards.boards import BOARDS
from monitoring.dashboards.grafana import document, to_json
from monitoring.dashboards.lint import lint
from monitoring.dashboards.panel import Board
from monitoring.dashboards.reading import written
from monitoring.metrics import CATALOGUE
from monitoring.paths import MANIFESTS
from monitoring.promql import metrics_in, of_task, risen, series


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_rules_of_the_linter_are_kept(board: Board) -> None:
    assert lint(document(board)) == []


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_same_board_is_the_same_text(board: Board) -> None:
    assert to_json(board) == to_json(board)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_what_is_written_can_be_read_back(board: Board) -> None:
    read = written(document(board))
    assert [panel.title for panel in read.panels] == [panel.title for panel in board.panels]
    assert [[t.expr for t in panel.targets] for panel in read.panels] == [
        [query.expr for query in panel.queries] for panel in board.panels
    ]
    assert {one.name for one in read.variables} == {"task", *({"experiment"} if board.experiments else set())}


def drop_variable(board: dict[str, Any]) -> None:
    del board["templating"]["list"][0]


def stale_variable(board: dict[str, Any]) -> None:
    board["templating"]["list"][1]["refresh"] = 1


def unknown_label(board: dict[str, Any]) -> None:
    board["templating"]["list"][1]["query"] = "label_values(contender_exported, arm)"


def own_source(board: dict[str, Any]) -> None:
    board["panels"][1]["datasource"] = {"type": "prometheus", "uid": "mine"}


def no_words(board: dict[str, Any]) -> None:
    board["panels"][1]["description"] = ""


def no_unit(board: dict[str, Any]) -> None:
    del board["panels"][1]["fieldConfig"]["defaults"]["unit"]


def no_target(board: dict[str, Any]) -> None:
    board["panels"][1]["targets"] = []


def own_interval(board: dict[str, Any]) -> None:
    board["panels"][1]["targets"][0]["expr"] = f"rate({of_task(metrics.OUTCOMES)}[5m])"


def bare_counter(board: dict[str, Any]) -> None:
    board["panels"][1]["targets"][0]["expr"] = of_task(metrics.OUTCOMES)


def every_task(board: dict[str, Any]) -> None:
    board["panels"][1]["targets"][0]["expr"] = series(metrics.SPOOL_DEPTH)


def editable(board: dict[str, Any]) -> None:
    board["editable"] = True


@pytest.mark.parametrize(
    "spoil",
    [
        drop_variable, stale_variable, unknown_label, own_source, no_words, no_unit, no_target, own_interval,
        bare_counter, every_task, editable,
    ],
)  # fmt: skip
def test_each_rule_is_noticed_when_broken(spoil: Callable[[dict[str, Any]], None]) -> None:
    spoilt = copy.deepcopy(document(BOARDS[1]))
    spoil(spoilt)
    assert len(lint(spoilt)) == 1


def test_every_metric_is_shown_or_watched_or_said_to_be_neither() -> None:
    questions = [query.expr for board in BOARDS for panel in board.panels for query in panel.queries]
    alerts = [alert.expr for group in GROUPS for alert in group.alerts]
    recordings = [one.expr for group in GROUPS for one in group.recordings]
    used = set[str]().union(*map(metrics_in, [*questions, *alerts, *recordings]))
    assert used | set(UNUSED) == {spec.name for spec in CATALOGUE}
    assert not used & set(UNUSED)


def test_titles_and_uids_are_unique() -> None:
    assert len({board.uid for board in BOARDS}) == len({board.title for board in BOARDS}) == len(BOARDS)
    for board in BOARDS:
        for row in board.rows:
            assert len({panel.title for panel in row.panels}) == len(row.panels)


def test_generated_files_are_up_to_date() -> None:
    assert generate.outdated() == []


def test_an_edited_or_missing_file_is_noticed(tmp_path: Any) -> None:
    every = set(generate.write(tmp_path))
    assert every == set(generate.files())
    edited, gone = sorted(every)[:2]
    (tmp_path / edited).write_text("{}")
    (tmp_path / gone).unlink()
    assert set(generate.outdated(tmp_path)) == {edited, gone}


def test_config_maps_hold_the_dashboards() -> None:
    import yaml

    maps = yaml.safe_load_all(generate.files()[MANIFESTS / "dashboards.yaml"])
    held = {name: text for one in maps for name, text in one["data"].items()}
    assert held == {f"{board.uid}.json": to_json(board) for board in BOARDS}
    assert all(json.loads(text)["uid"] for text in held.values())


def test_a_label_that_a_metric_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no label 'arm'"):
        series(metrics.SPOOL_DEPTH, 'arm="champion"')


def test_a_first_increment_counts() -> None:
    assert "unless c offset 5m" in risen("c", "5m")


def test_histogram_series_are_named_by_their_metric() -> None:
    assert metrics_in("rate(contender_request_seconds_bucket[5m])") == {"contender_request_seconds"}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_says_what_whom_and_where_to_read_on(alert: Any) -> None:
    assert re.fullmatch(r"Contender([A-Z][a-z]+)+", alert.name)
    assert alert.description.endswith(".")
    assert not alert.summary.endswith(".")
    assert alert.runbook.endswith(f"#{alert.name.lower()}")
