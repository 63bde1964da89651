"""Files under an S3 prefix, brought to this machine. boto3 is imported when one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

from contender.adapters.client_s3 import limits
from contender.errors import NotFound, Unavailable

SCHEME = "s3://"


class Fetched(NamedTuple):
    """Copies of objects, and the keys of those that were passed over."""

    copies: list[Path]
    passed_over: list[str]


def fetch(url: str, folder: Path, is_meant: Callable[[str], bool]) -> Fetched:
    """Copies in `folder` of the objects under `url` whose names `is_meant` (or that one), by their keys.

    Where the service is and who asks is what boto3 finds in its environment (``AWS_ENDPOINT_URL`` and the like).

    Raises:
        NotFound: no such bucket, or nothing under that prefix.
        Unavailable: the service does not answer.
    """
    parts = urlsplit(url)
    prefix = parts.path.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    with _translated(url):
        import boto3

        bucket = boto3.resource("s3", config=limits()).Bucket(parts.netloc)
        everything = sorted(one.key for one in bucket.objects.filter(Prefix=prefix) if not one.key.endswith("/"))
        keys = [key for key in everything if key == prefix or is_meant(PurePosixPath(key).name)]
        copies = [folder / str(number) / PurePosixPath(key).name for number, key in enumerate(keys)]
        for key, copy in zip(keys, copies, strict=True):
            copy.parent.mkdir(exist_ok=True)
            bucket.download_file(key, str(copy))
    if not everything:
        raise NotFound(f"there is nothing under {url}", remedy="check the bucket and the prefix")
    return Fetched(copies, [key for key in everything if key not in keys])


@contextmanager
def _translated(url: str) -> Iterator[None]:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in {"404", "NoSuchBucket", "NoSuchKey"}:
            raise NotFound(f"{url} does not exist") from error
        raise Unavailable(f"{url} cannot be read: {code}", remedy="check the credentials and their rights") from error
    except NoCredentialsError as error:
        remedy = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        raise Unavailable(f"{url} cannot be read without credentials", remedy=remedy) from error
    except (Boto3Error, BotoCoreError) as error:
        remedy = "check AWS_ENDPOINT_URL and the network, then do it again"
        raise Unavailable(f"{url} does not answer: {type(error).__name__}", remedy=remedy) from error
