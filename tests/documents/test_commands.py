"""Every command that a document tells somebody to type holds, or is listed as not runnable; bad ones are caught."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from infrastructure.policy.objects import Rendered
from tests.documents.checks import PLACEHOLDERS, listed, reason_for, wrong
from tests.documents.extract import ROOT, Text, commands, filled, main, pages
from tests.documents.run_by import command_of, run_by_tests
from tests.documents.shell import simple_commands


def faults(told: Text, overlays: Mapping[str, Rendered]) -> Iterator[str]:
    for words in simple_commands(filled(told.text, PLACEHOLDERS)):
        yield from (f"{told.where}: {fault}" for fault in wrong(words, told, overlays))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_tells_somebody_to_type_holds(page: Path, overlays: Mapping[str, Rendered]) -> None:
    assert [fault for told in commands(page) for fault in faults(told, overlays)] == []


def test_nothing_is_listed_that_no_page_tells() -> None:
    told = [
        words for page in pages() for one in commands(page) for words in simple_commands(filled(one.text, PLACEHOLDERS))
    ]
    stale = [begin for begin in listed()["elsewhere"] if not any(" ".join(words).startswith(begin) for words in told)]
    assert stale == []


def told() -> Iterator[tuple[str, list[str]]]:
    """Each command of ours that a page tells somebody to type, as the words behind ``contender``, and where."""
    for page in pages():
        for one in commands(page):
            for program, *words in simple_commands(filled(one.text, PLACEHOLDERS)):
                if program.rpartition("/")[2] == "contender":
                    yield one.where, words
                    if "--" in words:
                        yield one.where, words[words.index("--") + 1 :]


def test_a_test_runs_every_command_of_ours() -> None:
    known = run_by_tests() | {tuple(name.split()) for name in listed()["run_by"]}
    not_run = {(where, command) for where, words in told() if (command := command_of(words)) and command not in known}
    assert {(where, command) for where, command in not_run if reason_for(["contender", *command]) is None} == set()


def test_what_is_said_to_run_a_command_names_it() -> None:
    for name, file in listed()["run_by"].items():
        assert name.split()[-1] in (ROOT / file).read_text(), f"{file} does not run {name}"


@pytest.mark.parametrize(
    "text",
    [
        "contender promot",
        "contender promote --bak 60",
        "contender promote --bake soon",
        "contender release key",
        "contender experiment report dossier.html",
        "kubectl -n contender create job --from=cronjob/job-chance-undo undo-by-hand",
        "kubectl -n contendor get pods",
        "kubectl -n contender get pods --selector app.kubernetes.io/component=transformers",
        "kubectl -n contender create configmap approvers --from-file=ada=ada.pub",
        "kubectl -n contender create secret generic contender-store --from-literal=trans=postgresql://x",
        "kubectl -n contender create secret generic contender-shop --from-literal=url=x",
        "kubectl -n contender rollout restart deployment/job-change-transformer",
        "kubectl -n contender patch cronjob job-change-reconcile -p '{\"spec\": suspend}'",
        "kubectl apply --kustomise overlays/staging",
        "kubectl kustomize overlays/nowhere",
        "gh workflow run releases.yml -f environment=staging",
        "gh workflow run rollback.yml -f environment=staging -f task=job-change",
        "gh workflow run rollback.yml -f environment=staging -f tusk=job-change -f task=job-change -f reason=x",
        "gh variable set ROLE --body x",
        "contender status --json | jq .release",
        "make promote",
        "python -m benchmarks.picking",
        "pytest tests/integration/nothing",
        "pytest tests/documents/test_commands.py::test_nothing",
        "curl -s localhost:8080/v1/models/job-change:foretell -d '{}'",
        "sudo reboot",
    ],
)
def test_a_command_that_does_not_hold_is_caught(text: str, overlays: Mapping[str, Rendered]) -> None:
    assert list(faults(Text("README.md", 1, text, fenced=True), overlays))


def test_a_block_is_read_as_a_shell_reads_it() -> None:
    page = ROOT / "docs" / "cluster.md"
    text = "a && b 'c d' | e > f; X=1 g \\\n  --h $(i j $(k)) <<'END'\nnot a command\nEND\nl  # why"
    assert list(simple_commands(text)) == [
        ["k"],
        ["i", "j", "SUBSTITUTED"],
        ["a"],
        ["b", "c d"],
        ["e"],
        ["g", "--h", "SUBSTITUTED"],
        ["l"],
    ]
    assert next(told.text for told in commands(page) if told.fenced).startswith("cd ")


def test_a_page_becomes_a_script_that_tells_what_was_edited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edits = tmp_path / "edits"
    edits.write_text("overlays/staging => overlays/local\n")
    page = str(ROOT / "docs" / "cluster.md")
    assert main([page, "--section", "3. ", "--set", "REGION=eu-central-1", "--edited", str(edits)]) == 0
    told = capsys.readouterr().out
    assert "overlays/local\n" in told
    assert "overlays/staging => overlays/local" in told.splitlines()[-1]
    assert "gh workflow" not in told
