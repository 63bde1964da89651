"""The registry on MLflow: runs, model versions, aliases. MLflow is imported when a registry is made, not before."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from contender.adapters import sqlite_files
from contender.adapters.addresses import sqlite_file, tellable
from contender.adapters.artifact_places import found_below
from contender.adapters.process_environment import forget_mlflow
from contender.errors import NotFound, Unavailable
from contender.values import ModelVersion

if TYPE_CHECKING:
    from mlflow import MlflowClient

SERVING_ARTIFACT: Final = "serving_artifact"
SERVING_DIGEST: Final = "serving_digest"
EVALUATED_ARTIFACT: Final = "evaluated_artifact"
VALIDATION_STATUS: Final = "validation_status"
SEMVER: Final = "semver"
METRICS: Final = "metrics"

_MISSING: Final = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})
"""A missing alias is INVALID_PARAMETER_VALUE in MLflow, anything else that is missing RESOURCE_DOES_NOT_EXIST."""
_QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
_DAMAGED: Final = "put back the file's last good copy; docs/runbooks/restore.md tells how"


@dataclass(frozen=True, slots=True)
class Draft:
    """A version that has its number and no serving artifact yet: nobody can serve it."""

    task: str
    version: str
    run_id: str


class MlflowRegistry:
    """The `Registry` port, and what registering a model needs beside it, on one MLflow tracking server or database.

    A task is an experiment and a registered model of the same name. A model version counts from the moment its tag
    ``serving_digest`` is set, which `publish` does last but for the validation status: a registration that broke off
    leaves nothing that can be served.
    """

    def __init__(self, tracking_uri: str, artifact_root: str = ".contender/artifacts") -> None:
        forget_mlflow(os.environ)
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        self.tracking_uri, self._artifact_root = tracking_uri, artifact_root
        file = sqlite_file(tracking_uri)
        self._in_files = file is not None and "://" not in artifact_root
        if problem := sqlite_files.trouble(tracking_uri):
            raise Unavailable(f"the registry cannot be read: {problem}", remedy=_DAMAGED)
        with _translated(f"the registry at {tracking_uri}"):
            if file:
                file.parent.mkdir(parents=True, exist_ok=True)
            from mlflow import MlflowClient

            self._client: MlflowClient = MlflowClient(tracking_uri, registry_uri=tracking_uri)

    def version(self, task: str, ref: str) -> ModelVersion:
        """The servable version that `ref` (a number or an alias) names.

        Raises:
            NotFound: no such version or alias, or one whose registration never finished.
            Unavailable: the registry does not answer.
        """
        with _translated(f"{task} {ref}"):
            found = (
                self._client.get_model_version(task, ref)
                if ref.isdecimal()
                else self._client.get_model_version_by_alias(task, ref)
            )
        if not _servable(found):
            raise NotFound(f"{task} {ref} has no serving artifact", remedy="its registration broke off; train again")
        return self._model_version(found)

    def versions(self, task: str) -> list[ModelVersion]:
        """Every servable version, oldest first; none for a task that was never registered."""
        with _translated(task):
            found = self._client.search_model_versions(f"name = '{task}'", max_results=10_000)
        return [self._model_version(one) for one in sorted(found, key=lambda one: int(one.version)) if _servable(one)]

    def aliases(self, task: str) -> dict[str, str]:
        """Alias to version number; none for a task that was never registered."""
        try:
            with _translated(task):
                model = self._client.get_registered_model(task)
        except NotFound:
            return {}
        return {str(alias): str(version) for alias, version in model.aliases.items()}

    def set_alias(self, task: str, alias: str, version: str | None) -> None:
        """Point `alias` at `version`, or remove it when None. Idempotent.

        Raises:
            NotFound: no such task or version.
        """
        with _translated(f"{task} {version or alias}"):
            if version is None:
                self._client.delete_registered_model_alias(task, alias)
            else:
                self._client.set_registered_model_alias(task, alias, version)

    def start_run(self, task: str, name: str, *, parent: str = "") -> str:
        """The id of a new run in the task's experiment, nested in the run `parent` if one is given."""
        tags = {"mlflow.runName": name, **({"mlflow.parentRunId": parent} if parent else {})}
        with _translated(task):
            return str(self._client.create_run(self._experiment(task), tags=tags).info.run_id)

    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Record parameters, metrics and tags of a run."""
        from mlflow.entities import Metric, Param, RunTag

        with _translated(f"run {run_id}"):
            self._client.log_batch(
                run_id,
                metrics=[Metric(name, value, 0, 0) for name, value in (metrics or {}).items()],
                params=[Param(name, str(value)) for name, value in (params or {}).items()],
                tags=[RunTag(name, value) for name, value in (tags or {}).items()],
            )

    def log_files(self, run_id: str, folder: Path, path: str) -> str:
        """Keep every file of `folder` under `path` of the run; return the folder or URI where they are now."""
        with _translated(f"files of run {run_id}"):
            run = self._client.get_run(run_id)
            if not self._in_files or urlsplit(run.info.artifact_uri).scheme not in {"", "file"}:
                self._client.log_artifacts(run_id, str(folder), path)
                return f"{_plain_path(run.info.artifact_uri)}/{path}"
            # Below the root of today, not where the experiment was begun: the home may have been moved since.
            task = self._client.get_experiment(run.info.experiment_id).name
            kept = Path(self._artifact_root).resolve() / task / run_id / "artifacts" / path
            shutil.copytree(folder, kept, dirs_exist_ok=True)
            return str(kept)

    def finish_run(self, run_id: str, *, failed: bool = False) -> None:
        """Mark a run as finished, well or not."""
        with _translated(f"run {run_id}"):
            self._client.set_terminated(run_id, "FAILED" if failed else "FINISHED")

    def draft(self, task: str, run_id: str, source: str) -> Draft:
        """A new version with a number of its own, made by a run, whose MLflow model lies at `source`."""
        with _translated(task):
            self._ensure_model(task)
            created = self._client.create_model_version(task, source=source, run_id=run_id)
        return Draft(task, str(created.version), run_id)

    def publish(
        self,
        draft: Draft,
        folder: Path,
        digest: str,
        *,
        semver: str,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> ModelVersion:
        """Keep the serving artifact in `folder`, then make the version servable, its tags in one piece before that."""
        kept = self.log_files(draft.run_id, folder, f"serving/{draft.version}")
        last = {SERVING_ARTIFACT: kept, SERVING_DIGEST: digest, VALIDATION_STATUS: "passed"}
        stated = {SEMVER: semver, METRICS: json.dumps(dict(metrics), sort_keys=True), **tags, **last}
        with _translated(f"{draft.task} {draft.version}"):
            for name, value in stated.items():
                self._client.set_model_version_tag(draft.task, draft.version, name, value)
        return self.version(draft.task, draft.version)

    def tag(self, task: str, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of a version, beside those that `publish` set.

        Raises:
            NotFound: no such task or version.
        """
        with _translated(f"{task} {version}"):
            for name, value in tags.items():
                self._client.set_model_version_tag(task, version, name, value)

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        """The version's serving artifact on this machine: where it is, or a copy under `folder`.

        Raises:
            Unavailable: the store of artifacts does not answer.
        """
        return _local(found_below(self._artifact_root, version.task, version.artifact), folder)

    def fetch_evaluated(self, version: ModelVersion, folder: Path) -> Path:
        """The artifact that the version's metrics were measured on, on this machine like `fetch`'s.

        It is the tag ``evaluated_artifact``'s, or the serving artifact of a version that was not fitted again.

        Raises:
            Unavailable: the store of artifacts does not answer.
        """
        kept = version.tags.get(EVALUATED_ARTIFACT, version.artifact)
        return _local(found_below(self._artifact_root, version.task, kept), folder)

    def fetch_kept(self, version: ModelVersion, tag: str, folder: Path) -> Path:
        """The files beside the version that its `tag` names, on this machine like `fetch`'s.

        Raises:
            NotFound: the version has no such tag.
            Unavailable: the store of artifacts does not answer.
        """
        if tag not in version.tags:
            raise NotFound(f"version {version.version} has no {tag}")
        return _local(found_below(self._artifact_root, version.task, version.tags[tag]), folder)

    def _experiment(self, task: str) -> str:
        found = self._client.get_experiment_by_name(task)
        if found is None:
            return str(self._client.create_experiment(task, artifact_location=self._location(task)))
        return str(found.experiment_id)

    def _location(self, task: str) -> str:
        root = self._artifact_root
        return f"{root.rstrip('/')}/{task}" if "://" in root else (Path(root).resolve() / task).as_uri()

    def _model_version(self, found: Any) -> ModelVersion:
        made = _stated(found)
        return replace(made, artifact=found_below(self._artifact_root, made.task, made.artifact))

    def _ensure_model(self, task: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(task)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


@contextmanager
def _translated(subject: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MlflowException as error:
        if error.error_code in _MISSING:
            raise NotFound(tellable(f"{subject} is not in the registry: {error}")) from error
        raise Unavailable(tellable(f"{subject}: {error}"), remedy="see `contender doctor`") from error
    except (OSError, SQLAlchemyError) as error:
        raise Unavailable(tellable(f"{subject}: {error}"), remedy="see `contender doctor`") from error


def _servable(found: Any) -> bool:
    return SERVING_DIGEST in found.tags


def _stated(found: Any) -> ModelVersion:
    tags = {str(name): str(value) for name, value in found.tags.items()}
    return ModelVersion(
        task=str(found.name),
        version=str(found.version),
        semver=tags.pop(SEMVER, ""),
        artifact=tags.pop(SERVING_ARTIFACT, ""),
        digest=tags.pop(SERVING_DIGEST),
        metrics=json.loads(tags.pop(METRICS, "{}")),
        tags=tags,
    )


def _local(artifact: str, folder: Path) -> Path:
    if "://" not in artifact:
        return Path(artifact)
    from mlflow import artifacts

    folder.mkdir(parents=True, exist_ok=True)
    with _translated(artifact):
        return Path(artifacts.download_artifacts(artifact_uri=artifact, dst_path=str(folder)))


def _plain_path(uri: str) -> str:
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme == "file" else uri
