"""What each graph is told: its parameters, typed, by the graph's name. For whoever submits one to a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from contender.errors import InvalidInput, NotFound
from pipelines.params import RegistryParams, RunParams
from pipelines.steps.analyse import AnalysisParams
from pipelines.steps.drift import DriftParams
from pipelines.steps.ingest_files import IngestionParams
from pipelines.steps.score_batch import ScoringParams


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str


class _Analysis(_Told):
    records: AnalysisParams = AnalysisParams()


class _Drift(_Told):
    span: DriftParams = DriftParams()
    registry: RegistryParams = RegistryParams()


class _Scoring(_Told):
    good: str
    predictions: str
    scoring: ScoringParams = ScoringParams()
    registry: RegistryParams = RegistryParams()


class _Ingestion(_Told):
    ingestion: IngestionParams


GRAPHS: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {
        "analysis": _Analysis,
        "drift": _Drift,
        "ingestion": _Ingestion,
        "scoring": _Scoring,
        "training": RunParams,
    }
)


def checked(graph: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters `told` as `graph` takes them, with their defaults, as plain JSON.

    Raises:
        InvalidInput: one is missing, unknown or of another type; `field` is its path, such as ``data.rows``.
        NotFound: there is no such graph.
    """
    if graph not in GRAPHS:
        raise NotFound(f"there is no graph {graph!r}", remedy=f"choose one of: {', '.join(GRAPHS)}")
    try:
        return GRAPHS[graph].model_validate(told).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidInput(".".join(map(str, first["loc"])), first["msg"]) from error
