"""Anchors of audit trails as objects of a bucket: one each, put only where there is none, named by what they say.

All of an anchor is in its key, so that overwriting an object's content forges nothing. Whoever releases needs to put
and to list there, and must not be able to delete: nobody who holds the trail can then shorten what bears witness of it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from contender.adapters.anchor import anchor_of
from contender.errors import FaultFound, InvalidInput, Unavailable

SCHEME: Final = "s3://"

_THERE: Final = "PreconditionFailed"
_AT_ONCE: Final = "ConditionalRequestConflict"
"""Somebody puts or deletes the same object at the same moment: S3 asks to try again."""
_TRIES: Final = 4
_PAUSE_S: Final = 0.2
_KEY: Final = re.compile(r"(?P<sequence>\d{12})-(?P<at>\d+(\.\d+)?(e[+-]?\d+)?)-(?P<hash>[0-9a-f]+)\.json")


class S3Anchors:
    """The `Anchors` under ``s3://BUCKET/PREFIX``; `connect` makes the client of boto3 when one is needed.

    `sleep` waits before another try.
    """

    def __init__(
        self, address: str, connect: Callable[[], Any], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        url = urlsplit(address)
        if url.scheme != "s3" or not url.netloc:
            raise InvalidInput("CONTENDER_ANCHORS", f"{address!r} is no s3://BUCKET/PREFIX")
        self._bucket, self._prefix = url.netloc, url.path.strip("/")
        self._connect, self._sleep = connect, sleep
        self._client: Any = None

    def keep(self, task: str, anchor: Mapping[str, Any]) -> None:
        """Put `anchor`, unless it is there already.

        Raises:
            Unavailable: S3 does not answer, or not to us.
        """
        kept = anchor_of(anchor)
        name = f"{kept['sequence']:012d}-{kept['at']!r}-{kept['hash']}.json"
        body = json.dumps(kept, sort_keys=True).encode()
        for tries_left in reversed(range(_TRIES)):
            with _translated(_THERE, *[_AT_ONCE] * bool(tries_left)) as met:
                self._s3().put_object(Bucket=self._bucket, Key=self._folder(task) + name, Body=body, IfNoneMatch="*")
            if _AT_ONCE not in met:
                return
            self._sleep(_PAUSE_S)

    def kept(self, task: str) -> Sequence[Mapping[str, Any]]:
        """All anchors of `task`, by their place in the trail, then by their moment; none before the first.

        Raises:
            FaultFound: an object there is no anchor.
            Unavailable: S3 does not answer, or not to us.
        """
        folder = self._folder(task)
        with _translated():
            names = [key.removeprefix(folder) for key in self._keys(folder)]
        found = [_named(task, name) for name in names]
        return sorted(found, key=lambda one: (one["sequence"], one["at"]))

    def _keys(self, folder: str) -> Iterator[str]:
        pages = self._s3().get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=folder)
        return (one["Key"] for page in pages for one in page.get("Contents", ()))

    def _folder(self, task: str) -> str:
        return "/".join(filter(None, (self._prefix, task))) + "/"

    def _s3(self) -> Any:
        self._client = self._client or self._connect()
        return self._client


def _named(task: str, name: str) -> dict[str, Any]:
    read = _KEY.fullmatch(name)
    if read is None:
        raise FaultFound(f"the anchors of {task} were damaged: {name!r} is none")
    return anchor_of(read.groupdict())


@contextmanager
def _translated(*fine: str) -> Iterator[list[str]]:
    """Foreign errors in our words; those whose codes are `fine` are none, and found in what this yields."""
    from botocore.exceptions import BotoCoreError, ClientError

    met: list[str] = []
    try:
        yield met
    except ClientError as error:
        met.append(error.response.get("Error", {}).get("Code", ""))
        if met[0] not in fine:
            raise Unavailable(f"the audit anchors cannot be used: {error}", remedy="see `contender doctor`") from error
    except (BotoCoreError, OSError) as error:
        raise Unavailable(f"the audit anchors cannot be used: {error}", remedy="see `contender doctor`") from error
