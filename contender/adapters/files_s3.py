"""Files under an S3 prefix, brought to this machine. boto3 is imported when one is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from contender.adapters.client_s3 import limits
from contender.errors import NotFound, Unavailable

SCHEME = "s3://"


def fetch(url: str, folder: Path, suffix: str = ".csv") -> list[Path]:
    """Copies in `folder` of the objects under `url` whose keys end in `suffix`, in the order of their keys.

    Where the service is and who asks is what boto3 finds in its environment (``AWS_ENDPOINT_URL`` and the like).

    Raises:
        NotFound: no such bucket, or nothing there.
        Unavailable: the service does not answer.
    """
    parts = urlsplit(url)
    prefix = parts.path.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    with _translated(url):
        import boto3

        bucket = boto3.resource("s3", config=limits()).Bucket(parts.netloc)
        keys = sorted(one.key for one in bucket.objects.filter(Prefix=prefix) if one.key.endswith(suffix))
        copies = [folder / str(number) / PurePosixPath(key).name for number, key in enumerate(keys)]
        for key, copy in zip(keys, copies, strict=True):
            copy.parent.mkdir(exist_ok=True)
            bucket.download_file(key, str(copy))
    if not copies:
        raise NotFound(f"no file ends in {suffix} under {url}")
    return copies


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
