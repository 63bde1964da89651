"""Objects below a prefix of an S3 bucket, for servers: put, list, get, delete. By obstore, small and quick to start.

boto3, which the commands use, would add more to a transformer's image and memory than all of its own code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from contender.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from obstore.store import S3Store


class S3Objects:
    """What is below ``s3://BUCKET/PREFIX``, with the environment's credentials; `endpoint` is Amazon's if empty.

    Nothing is asked of S3 before the first call.

    Raises:
        InvalidInput: `address` is no such address.
    """

    def __init__(self, address: str, endpoint: str = "") -> None:
        url = urlsplit(address)
        if url.scheme != "s3" or not url.netloc:
            raise InvalidInput("CONTENDER_SPOOL_BUCKET", f"{address!r} is no s3://BUCKET/PREFIX")
        self._bucket, self._prefix, self._endpoint = url.netloc, url.path.strip("/"), endpoint
        self._store: S3Store | None = None

    def put(self, name: str, content: bytes) -> None:
        """Keep `content` under `name`, whole or not at all.

        Raises:
            Unavailable: S3 does not answer, or not to us.
        """
        import obstore

        with _translated():
            obstore.put(self._opened(), name, content)

    def names(self, folder: str, limit: int) -> Sequence[str]:
        """Up to `limit` names of objects below `folder`, in no order that matters.

        Raises:
            Unavailable: S3 does not answer, or not to us.
        """
        import obstore

        with _translated():
            pages = obstore.list(self._opened(), prefix=f"{folder}/", chunk_size=limit)
            return [str(one["path"]) for one in next(iter(pages), [])][:limit]

    def get(self, name: str) -> bytes:
        """The content of the object `name`; empty if it is there no more.

        Raises:
            Unavailable: S3 does not answer, or not to us.
        """
        import obstore
        from obstore.exceptions import NotFoundError

        with _translated():
            try:
                return bytes(obstore.get(self._opened(), name).bytes())
            except (NotFoundError, FileNotFoundError):
                return b""

    def delete(self, name: str) -> None:
        """Forget the object `name`; nothing happens if it is there no more.

        Raises:
            Unavailable: S3 does not answer, or not to us.
        """
        import obstore

        with _translated():
            obstore.delete(self._opened(), name)

    def _opened(self) -> S3Store:
        from obstore.store import S3Store

        if self._store is None:
            plain = self._endpoint.startswith("http://")
            self._store = S3Store(
                self._bucket,
                prefix=self._prefix or None,
                # By this name, for it would yield to a variable of the environment by any other.
                config={"aws_endpoint_url_s3": self._endpoint} if self._endpoint else None,
                client_options={"connect_timeout": "3s", "timeout": "10s", "allow_http": plain},
                retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=8)},
            )
        return self._store


@contextmanager
def _translated() -> Iterator[None]:
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError) as error:
        # Its words hold addresses and requests; the first line says what and why.
        told = str(error).splitlines()[0][:300]
        raise Unavailable(f"the bucket of the spool cannot be used: {told}") from error
