"""What every server of ours is told, and how: by its command line, else by the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contender.errors import InvalidInput
from serving.admission import Admission, AdmissionPolicy
from serving.limits import Guard, Limits, Refusal

PREFIX = "CONTENDER_"


class ServerSettings(BaseSettings):
    """Whose server this is, where it listens, and how much it takes on."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    task: str = Field(description="The task whose model is served.")
    model_name: str = Field(default="", description="The name in URLs; the task's if unset.")
    host: str = Field(default="127.0.0.1", description="The address that is listened on.")
    http_port: int = Field(default=8080, ge=0, le=65535, description="Where V1 and V2 are spoken over HTTP.")
    grpc_port: int | None = Field(
        default=None, ge=0, le=65535, description="Where V2 is spoken over gRPC; nowhere if unset."
    )
    lifeline_fd: int | None = Field(
        default=None, description="An inherited pipe at whose end of file the server stops."
    )
    drain_s: float = Field(
        default=0.0,
        ge=0.0,
        le=300.0,
        description="Seconds after SIGTERM in which requests are still taken: longer than clients need to learn of it.",
    )
    max_connections: int = Field(default=2_048, ge=1, description="How many clients are held at once.")
    lag_target_ms: float = Field(
        default=15.0,
        ge=1.0,
        le=10_000.0,
        description="The event loop's lag above which load is shed, and background work before it.",
    )

    def guard(self, refused: Callable[[Refusal], None]) -> Guard:
        """What such a server takes from its clients; `refused` is told of every refusal."""
        admission = Admission(AdmissionPolicy(target_s=self.lag_target_ms / 1000))
        return Guard(Limits(connections=self.max_connections), admission, refused)


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
