"""What every server of ours is told, and how: by its command line, else by the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contender.errors import InvalidInput

PREFIX = "CONTENDER_"


class ServerSettings(BaseSettings):
    """Whose server this is and where it listens.

    `model_name` is the name in URLs, by default the task's. `lifeline_fd` is an inherited pipe: at its end of file
    the server stops.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    task: str
    model_name: str = ""
    host: str = "127.0.0.1"
    http_port: int = 8080
    lifeline_fd: int | None = None


Kind = TypeVar("Kind", bound=ServerSettings)


def build(kind: type[Kind], given: Mapping[str, object]) -> Kind:
    """Settings of that `kind`: what is `given`, and from the environment what is not.

    Raises:
        InvalidInput: the first setting that is missing or wrong, by the name it has in the environment.
    """
    try:
        return kind(**given)  # type: ignore[arg-type]  # pydantic checks what a mapping cannot promise
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = f"{PREFIX}{'_'.join(map(str, first['loc'])).upper()}"
        raise InvalidInput(name, first["msg"], remedy="set it in the environment or on the command line") from error
