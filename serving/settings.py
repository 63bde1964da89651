"""What every server of ours is told, and how: by its command line, else by the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contender.errors import InvalidInput

PREFIX = "CONTENDER_"


class ServerSettings(BaseSettings):
    """Whose server this is and where it listens.

    `model_name` is the name in URLs, by default the task's. `lifeline_fd` is an inherited pipe: at its end of file
    the server stops. `drain_s` is for how many seconds after SIGTERM it still takes requests, not ready any more:
    longer than its clients need to learn that it goes. `max_connections` is how many clients it holds at once.
    `grpc_port` is where V2 is spoken over gRPC, too; without one it is not.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    task: str
    model_name: str = ""
    host: str = "127.0.0.1"
    http_port: int = 8080
    grpc_port: int | None = None
    lifeline_fd: int | None = None
    drain_s: float = Field(default=0.0, ge=0.0, le=300.0)
    max_connections: int = Field(default=2_048, ge=1)


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
