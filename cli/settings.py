"""The command's configuration: read once from the environment, frozen. The same fields for a laptop and a cluster."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cli.account import account_name
from contender.adapters.addresses import sqlite_file, sqlite_url, whole_sqlite_url
from contender.errors import InvalidInput
from contender.routing import KNOWN_SLOTS
from contender.values import SLOTS

_PLACES: Final = {"store_url": "store.db", "tracking_uri": "mlflow.db"}
"""Where records are kept unless it is said: SQLite's files under the home folder."""
_FILE: Final = "file://"


class Settings(BaseSettings):
    """What a person can set by environment variables that begin with ``CONTENDER_``."""

    model_config = SettingsConfigDict(env_prefix="CONTENDER_", frozen=True, extra="ignore")

    home: Path = Field(default=Path(".contender"), description="The folder that holds everything of a local run.")
    actor: str = Field(default_factory=account_name, description="Who is recorded as the one who acts.")
    port: int = Field(default=8080, ge=0, le=65535, description="Where the transformer listens; 0 picks a free port.")
    start_seconds: float = Field(default=60.0, gt=0, description="How long a server may take to become ready.")
    switch_seconds: float = Field(default=5.0, gt=0, description="How long a routing write may take to be obeyed.")
    require_approval: bool = Field(default=False, description="Whether a promotion needs somebody else's approval.")
    approval_keys: Path | None = Field(default=None, description="Approvers' public keys; HOME/approvers if unset.")
    anchors: str = Field(default="", description="Where audit trails are anchored: s3://…, or a folder; HOME/anchors.")
    retention_months: int = Field(default=12, ge=6, description="How old an audit record must be to be pruned.")
    rollback_hours: float = Field(
        default=24.0, gt=0, description="How long `release reconcile` keeps the version before warm."
    )
    backend: Literal["local", "cluster"] = Field(
        default="local", description="Where models are served: processes here, or InferenceServices of a cluster."
    )
    store_url: str = Field(
        default="",
        description="The database of exposures and releases, or file:///path of its URL; HOME/store.db if unset.",
    )
    tracking_uri: str = Field(default="", description="Where MLflow keeps its records; HOME/mlflow.db if unset.")
    artifact_root: str = Field(default="", description="Where artifacts are kept; s3://… on a cluster; HOME/artifacts.")
    namespace: str = Field(default="contender", description="The namespace that a cluster serves the task in.")
    kubeconfig: str = Field(default="", description="The kubeconfig of that cluster; KUBECONFIG's if unset.")
    slot_url: str = Field(
        default="http://{service}-predictor.{namespace}.svc",
        description="How a slot of a cluster is reached, by {service} and {namespace}.",
    )
    transformer_url: str = Field(
        default="http://{service}-transformer.{namespace}.svc",
        description="How the transformer of a cluster is reached, by {service} and {namespace}.",
    )
    s3_endpoint: str = Field(default="", description="The S3 API, if it is not Amazon's; MLflow's too.")
    pipelines_url: str = Field(
        default="", description="The Kubeflow Pipelines API, for `pipeline submit|schedule` and `retrain`."
    )
    pipelines_token: SecretStr = Field(default=SecretStr(""), description="A bearer token for it, where it asks.")
    pipelines_image: str = Field(default="", description="The image that steps run in there, as NAME@sha256:….")
    monitoring_image: str = Field(default="", description="The image that drift is measured in there, likewise.")
    pipelines_rows: str = Field(default="/rows", description="The folder of files that last from run to run, there.")
    pipelines_namespace: str = Field(default="", description="The profile's namespace, where Kubeflow has several.")

    slots: Annotated[tuple[str, ...], NoDecode] = Field(
        default=SLOTS, description="Places of a task, as blue,green,violet: two challengers at once need three."
    )

    @model_validator(mode="before")
    @classmethod
    def _said(cls, values: dict[str, object]) -> dict[str, object]:
        """A variable that is set and empty is a script's mistake: what is the usual must be left unset."""
        for name, value in values.items():
            stated = os.environ.get(variable := f"CONTENDER_{name.upper()}")
            if stated is not None and value == stated and not stated.strip():
                raise InvalidInput(variable, "is empty", remedy="give it a value, or unset it")
        return values

    @field_validator("slots", mode="before")
    @classmethod
    def _known(cls, slots: str | tuple[str, ...]) -> tuple[str, ...]:
        """At least two different names that the transformer knows."""
        named = tuple(slots.split(",")) if isinstance(slots, str) else slots
        if len(named) < len(SLOTS) or len(set(named)) < len(named) or not set(named) <= set(KNOWN_SLOTS):
            raise ValueError(f"must name at least {len(SLOTS)} of {', '.join(KNOWN_SLOTS)}")
        return named

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        """Child processes run elsewhere: they get whole paths."""
        whole = _expanded(home).absolute()
        if whole.exists() and not whole.is_dir():
            raise ValueError(f"{whole} is no folder")
        return _written(whole)

    @field_validator("store_url", "tracking_uri")
    @classmethod
    def _whole_url(cls, url: str) -> str:
        """A file by its whole path, and none in memory: each process would have another."""
        if url.startswith("sqlite") and sqlite_file(url) is None:
            raise ValueError("keeps nothing beyond one process; name a file, as sqlite:////path/name.db")
        if url.startswith(_FILE) and not url.startswith(f"{_FILE}/"):
            return f"{_FILE}{Path(url.removeprefix(_FILE)).absolute()}"
        return whole_sqlite_url(url)

    @field_validator("artifact_root")
    @classmethod
    def _whole_root(cls, root: str) -> str:
        """A folder by its whole path."""
        return str(_written(_expanded(Path(root)).absolute())) if root and "://" not in root else root

    @model_validator(mode="after")
    def _below_home(self) -> Self:
        """What was not said lies under the home folder, unless it is a cluster's: nobody else would see it there."""
        if self.backend == "cluster":
            if not self.store_url:
                raise ValueError("the backend is a cluster, so that CONTENDER_STORE_URL must be set")
            return self
        for name, file in _PLACES.items():
            if not getattr(self, name):
                object.__setattr__(self, name, sqlite_url(self.home / file))
        return self

    @classmethod
    def throw_away(cls, home: Path) -> Self:
        """Settings of a home that is of nobody's concern: what is kept lies under it, whatever the environment says."""
        return cls(
            home=home,
            backend="local",
            store_url="",
            tracking_uri="",
            artifact_root="",
            anchors="",
            approval_keys=None,
            require_approval=False,
        )

    @cached_property
    def artifacts(self) -> str:
        """Where MLflow keeps its artifacts: a folder or an address."""
        return self.artifact_root or str(self.home / "artifacts")

    @cached_property
    def approvers(self) -> Path:
        """The folder of the public keys whose approvals count."""
        return self.approval_keys or self.home / "approvers"

    @cached_property
    def anchor_place(self) -> str:
        """Where the audit trails' anchors are: an address or a folder."""
        return self.anchors or str(self.home / "anchors")

    @cached_property
    def routing(self) -> Path:
        """The folder of the routing documents."""
        return self.home / "routing"


def _expanded(path: Path) -> Path:
    """`path`, a tilde in it replaced by the person's own folder."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("~ stands for no folder of this account; write the whole path") from error


def _written(path: Path) -> Path:
    """`path`, if it can be written down: records and other programs name it."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ValueError("its path is no text in UTF-8; choose another folder") from error
    if any(not letter.isprintable() for letter in str(path)):
        raise ValueError("its path has a control character; choose another folder")
    return path
