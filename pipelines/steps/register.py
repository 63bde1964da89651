"""Register: a model that passed the gate becomes a version with its serving artifact, lineage and alias."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from contender.adapters.registry_mlflow import EVALUATED_ARTIFACT, Draft, MlflowRegistry
from contender.artifact import digest
from contender.tasks.catalog import task_named
from contender.tasks.lineage import Lineage, next_semver, schema_digest
from contender.tasks.task import Task
from contender.values import BASELINE, CHALLENGER, CHAMPION, ModelVersion
from monitoring.drift import reference
from pipelines.params import RegistryParams
from pipelines.steps import learnt
from pipelines.steps.bootstrap import with_bounds
from pipelines.steps.command import main
from pipelines.steps.evaluate import PLOTS
from pipelines.steps.export import stamp
from pipelines.steps.files import REPORT, read_document, write_document
from pipelines.steps.gate import passed
from pipelines.steps.mlmodel import write_mlmodel
from pipelines.steps.progress import reported
from pipelines.steps.refit import as_judged
from pipelines.steps.train import ARTIFACT

_BASELINE_SUFFIX: Final = "+baseline"
"""Baselines count their own semantic versions, told apart by this build metadata."""


class Candidate(BaseModel):
    """What a run made, as folders: the judged challenger, the one to serve, the baseline, the evaluation; and the file
    of the gate's decision.
    """

    model: Path
    served: Path
    baseline: Path
    evaluation: Path
    decision: Path


@dataclass(frozen=True, slots=True)
class Branch:
    """One trained model of a run: its role, the artifact that was judged and the one to serve, with their reports."""

    role: str
    judged: Path
    training: Mapping[str, Any]
    served: Path
    serving: Mapping[str, Any]


@reported("register")
def register(
    task: str, candidate: Candidate, registry: RegistryParams, run_id: str, registration: Path
) -> dict[str, Any]:
    """Register the challenger (and the baseline if it is wanted), move aliases, and write down what was registered.

    The alias is ``champion`` when there is none yet, else ``challenger``.

    Raises:
        Refused: the gate's decision says no.
    """
    registrar = Registrar(task_named(task), registry, candidate, passed(candidate.decision), run_id)
    registered = {}
    if registrar.wants_baseline():
        registered[BASELINE] = registrar.register(baseline_branch(candidate))
    role = CHALLENGER if CHAMPION in registrar.aliases() else CHAMPION
    registered[role] = registrar.register(challenger_branch(candidate, role))
    document = {
        "alias": role,
        "version": registered[role].version,
        "semver": registered[role].semver,
        "baseline": registered[BASELINE].version if BASELINE in registered else None,
    }
    write_document(registration, document)
    return document


def baseline_branch(candidate: Candidate) -> Branch:
    """The baseline, which is served as it was judged: what is the floor need not be the best."""
    training = read_document(candidate.baseline / REPORT)
    artifact = candidate.baseline / ARTIFACT
    return Branch(BASELINE, artifact, training, artifact, as_judged(training))


def challenger_branch(candidate: Candidate, role: str) -> Branch:
    """The challenger under the name of the alias that it will have."""
    training, serving = read_document(candidate.model / REPORT), read_document(candidate.served / REPORT)
    return Branch(role, candidate.model / ARTIFACT, training, candidate.served / ARTIFACT, serving)


class Registrar:
    """Registers the models of one run of one task."""

    def __init__(
        self, task: Task, registry: RegistryParams, candidate: Candidate, decision: Mapping[str, Any], run_id: str
    ) -> None:
        self._task, self._params, self._candidate = task, registry, candidate
        self._decision, self._run_id = decision, run_id
        self._registry = MlflowRegistry(registry.tracking_uri, registry.artifact_root)

    def aliases(self) -> Mapping[str, str]:
        """The task's aliases as they are now."""
        return self._registry.aliases(self._task.name)

    def wants_baseline(self) -> bool:
        """Whether the run's baseline is to be registered: on request, or when none answers the schema of today."""
        alias = self.aliases().get(BASELINE)
        if alias is None or self._params.register_baseline == "always":
            return True
        tags = self._registry.version(self._task.name, alias).tags
        return tags["schema_digest"] != schema_digest(self._task) or tags["features_version"] != self._features

    def register(self, branch: Branch) -> ModelVersion:
        """One version: run, model, serving artifact stamped with the version's number, tags, and the alias last."""
        registry, name = self._registry, self._task.name
        run_id = branch.training["run_id"] or registry.start_run(name, branch.role)
        semver, metrics = self._semver(branch), self._metrics(branch)
        self._log_run(branch, run_id, metrics)
        with tempfile.TemporaryDirectory() as scratch:
            described = Path(scratch, "model")
            write_mlmodel(self._task, branch.served, described, run_id)
            draft = registry.draft(name, run_id, registry.log_files(run_id, described, "model"))
            serving = Path(shutil.copytree(branch.served, Path(scratch, "serving")))
            manifest_digest = digest(stamp(serving, draft.version))
            tags = self._tags(branch, run_id) | self._judged(branch, draft) | self._kept(branch, draft)
            version = registry.publish(draft, serving, manifest_digest, semver=semver, metrics=metrics, tags=tags)
        registry.set_alias(name, branch.role, version.version)
        registry.finish_run(run_id)
        return version

    @property
    def _features(self) -> str:
        return str(self._task.features_version)

    def _metrics(self, branch: Branch) -> dict[str, float]:
        report = read_document(self._candidate.evaluation / REPORT)
        model = BASELINE if branch.role == BASELINE else CHALLENGER
        return with_bounds(report["metrics"][model], report["intervals"][model])

    def _log_run(self, branch: Branch, run_id: str, metrics: Mapping[str, float]) -> None:
        validated = {f"cv_{name}": value for name, value in branch.training["cross_validated"].items()}
        self._registry.log(run_id, params=branch.training["params"], metrics={**metrics, **validated})
        if branch.role != BASELINE:
            self._registry.log_files(run_id, self._candidate.evaluation / PLOTS, PLOTS)

    def _judged(self, branch: Branch, draft: Draft) -> dict[str, str]:
        """Where the judged artifact is kept when another is served. It has no version: nothing may serve it as one."""
        if not branch.serving["refit"]:
            return {}
        return {EVALUATED_ARTIFACT: self._registry.log_files(draft.run_id, branch.judged, f"evaluated/{draft.version}")}

    def _kept(self, branch: Branch, draft: Draft) -> dict[str, str]:
        """Where the rows are kept that the version's inputs and answers are watched against, and the digests of the
        people it learnt from, on whom no later version is compared with it. A baseline is neither watched nor compared.
        """
        if branch.role == BASELINE:
            return {}
        folders = {
            reference.TAG: self._candidate.evaluation / reference.FOLDER,
            learnt.TAG: self._candidate.model / learnt.FOLDER,
        }
        return {
            tag: self._registry.log_files(draft.run_id, folder, f"{folder.name}/{draft.version}")
            for tag, folder in folders.items()
        }

    def _semver(self, branch: Branch) -> str:
        suffix = _BASELINE_SUFFIX if branch.role == BASELINE else ""
        now = Lineage(schema_digest(self._task), self._task.features_version, branch.training["estimator"])
        mine = [
            v for v in self._registry.versions(self._task.name) if v.semver.endswith(_BASELINE_SUFFIX) == bool(suffix)
        ]
        if not mine:
            return next_semver(None, None, now) + suffix
        tags = mine[-1].tags
        before = Lineage(tags["schema_digest"], int(tags["features_version"]), tags["estimator"])
        return next_semver(mine[-1].semver.removesuffix(suffix), before, now) + suffix

    def _tags(self, branch: Branch, run_id: str) -> dict[str, str]:
        source = branch.training["source"]
        return {
            "data_digest": source["data_digest"],
            "data_source": source["source"],
            "estimator": branch.training["estimator"],
            "features_version": self._features,
            "gate": self._decision["outcome"],
            "gate_override": self._decision["override"],
            "gate_reason": self._decision["reason"],
            "git_sha": self._params.git_sha,
            "kfp_run_id": self._run_id,
            "label_noise": f"{branch.training['label_noise']:g}",
            "mlflow_run_id": run_id,
            "refit": str(branch.serving["refit"]).lower(),
            "schema_digest": schema_digest(self._task),
            "served_rows": str(branch.serving["rows"]),
            "synthetic": str(source["synthetic"]).lower(),
            "test_digest": source["test_digest"],
            "test_rows": str(source["parts"]["test"]),
            "train_rows": str(branch.training["rows"]),
        }


if __name__ == "__main__":
    main(register)
