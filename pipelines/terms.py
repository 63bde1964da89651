"""What each graph is told: its parameters, typed, by the graph's name. For whoever submits one to a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict

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
