"""What a transformer is told."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from contender.adapters.kubernetes_pod import SERVICE_ACCOUNT
from serving.settings import ServerSettings, build
from serving.transformer.unit_source import UnitSource


class Settings(ServerSettings):
    """A transformer's settings: what it obeys, whom it asks and where it writes."""

    routing: Path = Field(description="The folder of routing documents; in a cluster, the ConfigMap's mounted copy.")
    spool: Path = Field(description="A folder of this process alone, for records on their way to the store.")
    store: str = Field(description="The database's URL, or file:///path of a file that holds it and may change.")
    spool_bucket: str = Field(
        default="",
        description="Where records go while the store is away, s3://BUCKET/PREFIX; they stay in the spool if unset.",
    )
    s3_endpoint: str = Field(default="", description="The S3 API of that bucket, if it is not Amazon's.")
    blue_url: str = Field(description="The predictor of slot blue, as http://host:port.")
    green_url: str = Field(description="The predictor of slot green.")
    baseline_url: str = Field(description="The predictor of the baseline; KServe's --predictor_host names it, too.")
    violet_url: str = Field(default="", description="The predictor of a second challenger's slot; none if unset.")
    amber_url: str = Field(default="", description="The predictor of a third challenger's slot; none if unset.")
    reader: str = Field(default="transformer", description="The name under which applied routings are acknowledged.")
    preview_key: Path | None = Field(
        default=None, description="The operator's key for previews; without one nobody may choose an arm."
    )
    unit_from: UnitSource = Field(
        default=UnitSource.CLIENT,
        description="Who says which unit is asked about: the client, or the gateway, by what its routes set.",
    )
    covariates: bool = Field(
        default=True, description="Whether the baseline is asked, in the background, about everybody in an experiment."
    )
    inputs_per_second: float = Field(
        default=10.0, ge=0.0, le=1_000.0, description="Rows of which what models see is kept for drift; 0 keeps none."
    )
    backend: Literal["local", "cluster"] = Field(
        default="local", description="Where the routing is watched: in its folder, or through the Kubernetes API."
    )
    kubernetes_url: str = Field(default="https://kubernetes.default.svc", description="Where that API is.")
    service_account: Path = Field(default=SERVICE_ACCOUNT, description="The folder of the pod's token for it.")


def read(arguments: Sequence[str]) -> Settings:
    """Settings from the environment, with what KServe's controller adds to the command line taken over.

    The entry's own predictor (``--predictor_host``) is the baseline.

    Raises:
        InvalidInput: naming the setting.
    """
    parser = argparse.ArgumentParser(prog="python -m serving.transformer", allow_abbrev=False)
    parser.add_argument("--model_name", default=argparse.SUPPRESS)
    parser.add_argument("--http_port", default=argparse.SUPPRESS)
    parser.add_argument("--predictor_host", dest="baseline_url", type="http://{}".format, default=argparse.SUPPRESS)
    known, _ = parser.parse_known_args(arguments)
    return build(Settings, vars(known))
