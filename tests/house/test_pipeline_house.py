"""Rules of the pipeline: components only call, dvc and kfp call the same steps, generated files are up to date."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from contender.tasks.catalog import TASKS
from pipelines import compile as compiling
from pipelines.params import RunParams
from pipelines.settings import ROOT
from pipelines.steps.command import arguments

MOST_STATEMENTS = 10
COMPONENT_FILES = sorted((ROOT / "pipelines" / "components").glob("*.py"))
TRAINING = [path for path in COMPONENT_FILES if path.stem in {"data", "model", "release"}]
"""What dvc runs, too; the other graphs are for files and windows that come by and by."""
DVC: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())


def components(files: Sequence[Path] = COMPONENT_FILES) -> Iterator[ast.FunctionDef]:
    for path in files:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                yield node


def steps_imported(node: ast.FunctionDef) -> list[str]:
    imports = [one for one in ast.walk(node) if isinstance(one, ast.ImportFrom) and one.module is not None]
    return [str(one.module).removeprefix("pipelines.steps.") for one in imports if "pipelines.steps" in str(one.module)]


def commands() -> Iterator[tuple[str, str, list[str]]]:
    """Every command of dvc.yaml for every task: task, step and arguments, with the parameters filled in."""
    for stage in DVC["stages"].values():
        for task, item in PARAMS["tasks"].items():
            words = stage["do"]["cmd"].replace('"$(git rev-parse HEAD)"', "abc")
            values = {
                "key": task,
                "at": "at",
                "python": "python",
                **{name: _flags(group) for name, group in PARAMS.items() if name != "tasks"},
            }
            values |= {f"item.{name}": _flags(group) for name, group in item.items()}
            for name, value in values.items():
                words = words.replace(f"${{{name}}}", value)
            python, module_flag, module, *argv = shlex.split(words)
            assert (python, module_flag) == ("python", "-m")
            yield task, module, argv


def _flags(group: dict[str, Any]) -> str:
    return " ".join(f"--{name} {shlex.quote(str(value))}" for name, value in group.items())


@pytest.mark.parametrize("component", components(), ids=lambda node: node.name)
def test_a_component_imports_one_step_and_calls_it(component: ast.FunctionDef) -> None:
    statements = [one for one in ast.walk(component) if isinstance(one, ast.stmt)]
    assert len(statements) - 1 <= MOST_STATEMENTS
    assert not [
        one for one in statements[1:] if isinstance(one, ast.FunctionDef | ast.ClassDef | ast.For | ast.While | ast.If)
    ]
    assert steps_imported(component) == [component.name]


def test_components_install_nothing() -> None:
    text = (compiling.GENERATED / "training.yaml").read_text()
    assert "pip install" not in text
    assert "packages_to_install" not in "".join(path.read_text() for path in COMPONENT_FILES)


def test_dvc_and_kfp_call_the_same_steps() -> None:
    by_dvc = {module.removeprefix("pipelines.steps.") for _, module, _ in commands()}
    by_kfp = {name for component in components(TRAINING) for name in steps_imported(component)}
    assert by_dvc == by_kfp


@pytest.mark.parametrize(("task", "module", "argv"), commands())
def test_every_command_of_dvc_is_one_the_step_understands(task: str, module: str, argv: list[str]) -> None:
    step = getattr(import_module(module), module.rpartition(".")[2])
    assert arguments(step, argv)["task"] == task


def test_every_file_that_dvc_reads_is_one_it_writes_or_one_of_ours() -> None:
    written = {out for stage in DVC["stages"].values() for out in stage["do"]["outs"]}
    read = {dep for stage in DVC["stages"].values() for dep in stage["do"].get("deps", [])}
    assert all((ROOT / dep).exists() for dep in read - written)
    assert all(dep in written for dep in read if dep.startswith("${at}"))


def test_the_parameters_are_those_of_every_task() -> None:
    assert set(PARAMS["tasks"]) == set(TASKS)
    for task, groups in PARAMS["tasks"].items():
        RunParams(task=task, registry=PARAMS["registry"], **groups)


def test_no_parameter_is_a_bare_boolean() -> None:
    # dvc writes `--name` for true and nothing at all for false: the step would take its default instead.
    groups = [
        PARAMS["registry"],
        PARAMS["baseline"],
        *(one for task in PARAMS["tasks"].values() for one in task.values()),
    ]
    assert not [name for group in groups for name, value in group.items() if isinstance(value, bool)]


def test_the_generated_graphs_are_up_to_date() -> None:
    assert compiling.drifted() == []


def test_drift_is_noticed(tmp_path: Path) -> None:
    path = next(path for path in compiling.compile_all(tmp_path) if path.stem == "training")
    assert compiling.drifted(tmp_path) == []
    path.write_text(path.read_text().replace("train-baseline", "train-floor"))
    assert compiling.drifted(tmp_path) == [path]
