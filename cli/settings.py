"""The command's configuration: read once from the environment, frozen."""

from __future__ import annotations

import getpass
from functools import cached_property
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What a person can set by environment variables that begin with ``CONTENDER_``."""

    model_config = SettingsConfigDict(env_prefix="CONTENDER_", frozen=True, extra="ignore")

    home: Path = Field(default=Path(".contender"), description="The folder that holds everything of a local run.")
    actor: str = Field(default_factory=getpass.getuser, description="Who is recorded as the one who acts.")
    port: int = Field(default=8080, ge=0, le=65535, description="Where the transformer listens; 0 picks a free port.")
    start_seconds: float = Field(default=60.0, gt=0, description="How long a server may take to become ready.")
    switch_seconds: float = Field(default=5.0, gt=0, description="How long a routing write may take to be obeyed.")
    require_approval: bool = Field(default=False, description="Whether a promotion needs somebody else's approval.")
    approval_keys: Path | None = Field(default=None, description="Approvers' public keys; HOME/approvers if unset.")
    anchors: Path | None = Field(default=None, description="Where audit trails are anchored; HOME/anchors if unset.")
    retention_months: int = Field(default=12, ge=6, description="How old an audit record must be to be pruned.")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        """Child processes run elsewhere: they get whole paths."""
        return home.expanduser().absolute()

    @cached_property
    def tracking_uri(self) -> str:
        """Where MLflow keeps its records."""
        return f"sqlite:///{self.home / 'mlflow.db'}"

    @cached_property
    def artifacts(self) -> Path:
        """Where MLflow keeps its artifacts."""
        return self.home / "artifacts"

    @cached_property
    def store_url(self) -> str:
        """Where exposures, outcomes, experiments, releases and audit records live."""
        return f"sqlite:///{self.home / 'store.db'}"

    @cached_property
    def approvers(self) -> Path:
        """The folder of the public keys whose approvals count."""
        return self.approval_keys or self.home / "approvers"

    @cached_property
    def anchor_folder(self) -> Path:
        """The folder of the audit trails' anchors."""
        return self.anchors or self.home / "anchors"

    @cached_property
    def routing(self) -> Path:
        """The folder of the routing documents."""
        return self.home / "routing"
