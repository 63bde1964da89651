"""The serving artifact: a directory without executable code, described and sealed by its manifest.

Pure: bytes in, bytes out. `pipelines` writes artifacts with it, `serving` verifies them with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from contender.errors import InvalidArtifact

FORMAT = 1
MANIFEST = "manifest.json"
MODEL = "model.onnx"
FEATURES = "features.json"
GOLDEN = "golden.json"
"""Golden requests and training's answers: ``{"requests": [row…], "answers": [{label, confidence, score}…]}``."""

MAX_SIZES: Mapping[str, int] = {
    MANIFEST: 256 * 1024,
    MODEL: 256 * 1024**2,
    FEATURES: 64 * 1024**2,
    GOLDEN: 4 * 1024**2,
}
"""The only file names an artifact may hold, each with the most bytes it may have."""

GOLDEN_TOLERANCE = 1e-5
"""The largest difference of a probability between training and serving."""


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A file of the artifact as the manifest names it: sha256 in hex, size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an artifact is: whose model, which version, over which schema, and the seal of every other file."""

    task: str
    version: str
    schema_digest: str
    classes: tuple[str, ...]
    thresholds: Mapping[str, float]
    libraries: Mapping[str, str]
    files: Mapping[str, SealedFile]
    format: int = FORMAT

    def to_bytes(self) -> bytes:
        """The bytes of ``manifest.json``; equal manifests give equal bytes."""
        return (json.dumps(asdict(self), indent=1, sort_keys=True) + "\n").encode()


def digest(content: bytes) -> str:
    """The sha256 of `content`, in hex."""
    return hashlib.sha256(content).hexdigest()


def seal(files: Mapping[str, bytes]) -> dict[str, SealedFile]:
    """The manifest's entry for each of `files` (name to content)."""
    return {name: SealedFile(digest(content), len(content)) for name, content in files.items()}


def check_file(manifest: Manifest, name: str, content: bytes) -> None:
    """Return quietly when `content` is exactly what `manifest` sealed under `name`.

    Raises:
        InvalidArtifact: not named by the manifest, or other bytes than those.
    """
    sealed = manifest.files.get(name)
    if sealed is None:
        raise InvalidArtifact(name, "is not named by the manifest")
    if len(content) != sealed.size or digest(content) != sealed.sha256:
        raise InvalidArtifact(name, "differs from what the manifest sealed", remedy="fetch the artifact again")


def parse_manifest(content: bytes) -> Manifest:
    """The manifest that `content` states.

    Raises:
        InvalidArtifact: too large, not JSON, another format, or a field that is missing or of the wrong kind.
    """
    if len(content) > MAX_SIZES[MANIFEST]:
        raise InvalidArtifact(MANIFEST, "is too large")
    try:
        raw = json.loads(content)
        files = {name: SealedFile(str(f["sha256"]), int(f["size"])) for name, f in raw["files"].items()}
        manifest = Manifest(
            task=str(raw["task"]),
            version=str(raw["version"]),
            schema_digest=str(raw["schema_digest"]),
            classes=tuple(map(str, raw["classes"])),
            thresholds={str(k): float(v) for k, v in raw["thresholds"].items()},
            libraries={str(k): str(v) for k, v in raw["libraries"].items()},
            files=files,
            format=int(raw["format"]),
        )
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise InvalidArtifact(MANIFEST, f"cannot be read: {error!r}") from error
    _check_names(manifest)
    return manifest


def _check_names(manifest: Manifest) -> None:
    if manifest.format != FORMAT:
        raise InvalidArtifact(MANIFEST, f"has format {manifest.format}, this program reads {FORMAT}")
    expected = set(MAX_SIZES) - {MANIFEST}
    if set(manifest.files) != expected:
        raise InvalidArtifact(MANIFEST, f"must seal exactly {', '.join(sorted(expected))}")
    for name, sealed in manifest.files.items():
        if not 0 <= sealed.size <= MAX_SIZES[name]:
            raise InvalidArtifact(name, f"may have at most {MAX_SIZES[name]} bytes")
