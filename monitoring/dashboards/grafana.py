"""Dashboards in Grafana's own words, by its foundation SDK: the same bytes for the same boards."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from monitoring import metrics
from monitoring.dashboards.panel import Board, Kind, Mark, Panel, Query, Row, States
from monitoring.promql import TASK, series

with warnings.catch_warnings():
    # On import the SDK advises another schema, which the Grafana versions in use do not all read.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import common as common_builders
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import dashboard as models
    from grafana_foundation_sdk.models.common import (
        BigValueTextMode,
        DataSourceRef,
        LegendDisplayMode,
        LegendPlacement,
        TooltipDisplayMode,
    )

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
TAG: Final = "contender"

Built = TypeVar("Built", timeseries.Panel, stat.Panel, table.Panel)


def to_json(board: Board) -> str:
    """The dashboard as Grafana imports it, with a final newline."""
    return json.dumps(document(board), indent=1, sort_keys=True) + "\n"


def document(board: Board) -> dict[str, Any]:
    """The dashboard as a JSON object; numbers of panels are their place in reading order."""
    builder = builders.Dashboard(board.title).uid(board.uid).description(board.about).tags([TAG]).readonly()
    builder.refresh("30s").time(board.span, "now").timezone("browser").tooltip(models.DashboardCursorSync.CROSSHAIR)
    for variable in (_source(), _task(), *([_experiment()] if board.experiments else [])):
        builder.with_variable(variable)
    for mark in board.marks:
        builder.annotation(_annotation(mark))
    builder.link(
        builders.DashboardLink("Contender")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
    )
    for row in board.rows:
        _add(builder, row)
    encoded: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(builder.build()))
    for number, panel in enumerate(encoded["panels"], start=1):
        panel["id"] = number
    return encoded


def _add(builder: builders.Dashboard, row: Row) -> None:
    builder.with_row(builders.Row(row.title))
    for panel in row.panels:
        builder.with_panel(BUILDERS[panel.kind](panel))


def _source() -> builders.DatasourceVariable:
    return builders.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _task() -> builders.QueryVariable:
    return _labels("task", "Task", f"label_values({series(metrics.EXPORTED)}, task)")


def _experiment() -> builders.QueryVariable:
    values = f"label_values({series(metrics.EXPERIMENT_INFO, TASK)}, experiment)"
    return _labels("experiment", "Experiment", values).include_all(True).all_value(".+")


def _labels(name: str, label: str, values: str) -> builders.QueryVariable:
    variable = builders.QueryVariable(name).label(label).datasource(SOURCE).query(values)
    return variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)


def _annotation(mark: Mark) -> builders.AnnotationQuery:
    query = builders.AnnotationQuery().name(mark.title).datasource(SOURCE).enable(True).icon_color(mark.colour)
    return query.expr(mark.expr).title_format(mark.title).step("60s")


def _lines(panel: Panel) -> timeseries.Panel:
    legend = common_builders.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    builder = _described(timeseries.Panel(), panel).line_width(1).fill_opacity(8)
    builder.legend(legend.show_legend(True)).tooltip(common_builders.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    if panel.least is not None:
        builder.min(panel.least)
    if panel.most is not None:
        builder.axis_soft_max(panel.most)
    return builder


def _stat(panel: Panel) -> stat.Panel:
    newest = common_builders.ReduceDataOptions().calcs(["lastNotNull"])
    builder = _described(stat.Panel(), panel).reduce_options(newest)
    if panel.names:
        builder.text_mode(BigValueTextMode.NAME)
    if panel.states:
        builder.mappings([_words(panel.states)])
    return builder


def _table(panel: Panel) -> table.Panel:
    return _described(table.Panel(), panel)


BUILDERS: Final[Mapping[Kind, Callable[[Panel], Any]]] = {"lines": _lines, "stat": _stat, "table": _table}
"""How each kind is written."""


def _described(builder: Built, panel: Panel) -> Built:
    """What every kind of panel has."""
    builder.title(panel.title).description(panel.about).datasource(SOURCE).unit(panel.unit)
    builder.span(panel.width).height(panel.height)
    for number, query in enumerate(panel.queries):
        builder.with_target(_target(query, chr(ord("A") + number), panel.kind))
    return builder


def _target(query: Query, ref: str, kind: Kind) -> prometheus.Dataquery:
    target = prometheus.Dataquery().datasource(SOURCE).expr(query.expr).legend_format(query.legend).ref_id(ref)
    return target.range() if kind == "lines" else target.instant()


def _words(states: States) -> models.ValueMap:
    return models.ValueMap(
        {
            str(number): models.ValueMappingResult(text=text, color=colour, index=index)
            for index, (number, (text, colour)) in enumerate(states.items())
        }
    )
