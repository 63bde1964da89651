"""Whom to tell: read from the environment."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class NotifySettings(BaseSettings):
    """Addresses of people; an address holds a secret and is never printed."""

    model_config = SettingsConfigDict(env_prefix="CONTENDER_", frozen=True, extra="ignore")

    notify_urls: SecretStr = Field(default=SecretStr(""), description="apprise addresses, separated by spaces.")

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses, one by one."""
        return tuple(self.notify_urls.get_secret_value().split())
