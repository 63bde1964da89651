"""Serving artifacts on S3: their exact addresses, and the small files of them that a release looks at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from contender.adapters.client_s3 import no_bucket
from contender.artifact import MAX_SIZES
from contender.errors import InvalidArtifact, InvalidInput, Unavailable

_PROXIED: Final = "mlflow-artifacts:"
_MISSING: Final = frozenset({"NoSuchKey", "404"})


def exact_address(artifact: str, root: str) -> str:
    """The address under which KServe fetches `artifact`; KServe knows neither MLflow's aliases nor its proxy.

    `root` is where the tracking server keeps what it takes in (its ``--artifacts-destination``).

    >>> exact_address("s3://models/7/serving", "s3://models")
    's3://models/7/serving'
    >>> exact_address("mlflow-artifacts:/1/run/artifacts/serving/8", "s3://models/mlflow")
    's3://models/mlflow/1/run/artifacts/serving/8'

    Raises:
        InvalidInput: it goes through MLflow's proxy, and `root` is no S3 address.
    """
    if not artifact.startswith(_PROXIED):
        return artifact
    if not root.startswith("s3://"):
        raise InvalidInput("CONTENDER_ARTIFACT_ROOT", f"{root!r} is no s3:// address, {artifact} cannot be resolved")
    return f"{root.rstrip('/')}/{urlsplit(artifact).path.lstrip('/')}"


class S3Artifacts:
    """Reads files of artifacts at ``s3://BUCKET/PREFIX``, with a client of boto3 that is made when it is needed."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._client: Any = None

    def read(self, artifact: str, name: str) -> bytes:
        """The file `name` of `artifact`, which has at most the size that an artifact's file may have.

        Raises:
            InvalidArtifact: there is no such file, or it is too large.
            Unavailable: S3 does not answer, or not to us, or has no such bucket.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        url = urlsplit(artifact)
        if url.scheme != "s3":
            raise InvalidArtifact(name, f"{artifact} is not on S3")
        try:
            return self._content(url.netloc, f"{url.path.strip('/')}/{name}", name)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code in _MISSING:
                raise InvalidArtifact(name, f"is not in {artifact}") from error
            if code == "NoSuchBucket":
                raise no_bucket(url.netloc) from error
            raise Unavailable(f"{artifact} cannot be read: {error}") from error
        except (BotoCoreError, OSError) as error:
            raise Unavailable(f"{artifact} cannot be read: {error}") from error

    def _content(self, bucket: str, key: str, name: str) -> bytes:
        self._client = self._client or self._connect()
        body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
        content: bytes = body.read(MAX_SIZES[name] + 1)
        if len(content) > MAX_SIZES[name]:
            raise InvalidArtifact(name, f"may have at most {MAX_SIZES[name]} bytes")
        return content
