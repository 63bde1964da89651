"""What a transformer is told."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from contender.adapters.kubernetes_pod import SERVICE_ACCOUNT
from serving.settings import ServerSettings, build


class Settings(ServerSettings):
    """A transformer's settings: what it obeys, whom it asks and where it writes.

    `routing` is the folder of routing documents, `spool` a folder of this process alone, `store` the database's URL.
    `reader` is the name under which applied routings are acknowledged. `preview_key` is the file with the operator's
    key for previews; without one nobody may choose an arm. `violet_url` and `amber_url` are the slots of further
    challengers, empty where there are none. `covariates` says whether the baseline is asked, in the
    background, about everybody in an experiment. Of `inputs_per_second` rows what models see of them is kept, for
    drift; 0 keeps none.

    With the `backend` ``cluster``, `routing` is the mounted copy of the routing's ConfigMap, which is watched through
    the API at `kubernetes_url` in the name of `service_account`, the folder of a pod's token.
    """

    routing: Path
    spool: Path
    store: str
    blue_url: str
    green_url: str
    baseline_url: str
    violet_url: str = ""
    amber_url: str = ""
    reader: str = "transformer"
    preview_key: Path | None = None
    covariates: bool = True
    inputs_per_second: float = Field(default=10.0, ge=0.0, le=1_000.0)
    backend: Literal["local", "cluster"] = "local"
    kubernetes_url: str = "https://kubernetes.default.svc"
    service_account: Path = SERVICE_ACCOUNT


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
