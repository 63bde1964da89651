"""What a training run is told: the same groups in ``params.yaml``, in the kfp graph and on the steps' command lines."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seed = Annotated[int, Field(ge=0, lt=2**31)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class _Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataParams(_Params):
    """Which rows, and how they are divided: `file` (a CSV as it is), or `rows` synthetic ones when it is empty.

    `file` is a path where the step runs, or ``s3://BUCKET/KEY``.

    `test_share` of the units is never trained on. `live_share` is kept back from training and test alike: people to
    send through a running system. Who is held out is decided by the person's id, whatever the seed. A `max_bad_share`
    of rows may break the schema; they are set aside. `seed` fixes the synthetic rows.
    """

    file: str = ""
    rows: Annotated[int, Field(ge=100, le=1_000_000)] = 8_000
    test_share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.2
    live_share: Share = 0.0
    max_bad_share: Share = 0.05
    seed: Seed = 0


class TrainingParams(_Params):
    """How a model is searched for and fitted.

    `trials` points of the search space are tried (0: the recipe's defaults), each by `folds`-fold grouped
    cross-validation, for at most `time_budget_s` seconds. `train_rows` limits the rows that are learnt from (0: all),
    `label_noise` shuffles that share of their labels: both make a worse model on purpose, for rehearsals. `seed` fixes
    search and fit. With `refit`, what passed the gate is fitted again on training and test rows together, with the same
    parameters, and that is served.
    """

    recipe: Literal["full", "baseline"] = "full"
    trials: Annotated[int, Field(ge=0, le=1_000)] = 8
    folds: Annotated[int, Field(ge=2, le=20)] = 3
    time_budget_s: Annotated[float, Field(gt=0.0)] = 45.0
    train_rows: Annotated[int, Field(ge=0)] = 0
    label_noise: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    refit: bool = True
    seed: Seed = 0


class GateParams(_Params):
    """When a model may be registered.

    The primary metric's improvement over the champion, on the same untouched rows, has a one-sided 95 % lower bound
    from a paired bootstrap. It must reach `min_improvement` where that is stated, else stay above
    minus `margin` (non-inferiority). Every version, the first too, must be surely better than one answer for all and
    not surely worse than the baseline, on at least `min_people` held-out people, `min_rare` of whom do not have the
    commonest label: fewer cannot tell. `override` is a person's reason to register a refused model all the same.
    """

    min_improvement: float | None = None
    margin: Annotated[float, Field(ge=0.0)] = 0.02
    min_people: Annotated[int, Field(ge=2)] = 50
    min_rare: Annotated[int, Field(ge=1)] = 10
    override: str = ""


class RegistryParams(_Params):
    """Where runs and versions are recorded.

    `artifact_root` is the folder or URI under which new experiments keep their files. `register_baseline` says when the
    baseline of a run is registered: ``when-needed`` is when there is none yet that answers the schema of today.
    """

    tracking_uri: str = "sqlite:///.contender/mlflow.db"
    artifact_root: str = ".contender/artifacts"
    git_sha: str = "unknown"
    register_baseline: Literal["when-needed", "always"] = "when-needed"


class RunParams(_Params):
    """A whole training run of one task."""

    task: str
    data: DataParams = DataParams()
    training: TrainingParams = TrainingParams()
    gate: GateParams = GateParams()
    registry: RegistryParams = RegistryParams()
