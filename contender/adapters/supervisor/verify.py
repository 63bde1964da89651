"""Whether a folder holds exactly the artifact that is wanted, found out before anything is stopped for it."""

from __future__ import annotations

from pathlib import Path

from contender.adapters.supervisor.documents import Wanted
from contender.artifact import MANIFEST, MAX_SIZES, check_file, digest, parse_manifest
from contender.errors import InvalidArtifact


def verify_artifact(wanted: Wanted) -> None:
    """Return quietly when the manifest has the digest that is wanted and seals every file that is there.

    Raises:
        InvalidArtifact: naming the file at fault.
    """
    folder = Path(wanted.artifact)
    manifest = _content(folder / MANIFEST)
    if digest(manifest) != wanted.digest:
        raise InvalidArtifact(MANIFEST, f"is not that of version {wanted.version}", remedy="fetch the artifact again")
    sealed = parse_manifest(manifest)
    for name in sealed.files:
        check_file(sealed, name, _content(folder / name))


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_SIZES[path.name]:
            raise InvalidArtifact(path.name, f"may have at most {MAX_SIZES[path.name]} bytes")
        return path.read_bytes()
    except OSError as error:
        raise InvalidArtifact(path.name, f"cannot be read in {path.parent}: {error.strerror}") from error
