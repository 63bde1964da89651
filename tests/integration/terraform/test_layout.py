"""Rules of the Terraform tree that need no terraform to be checked."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3] / "infrastructure" / "terraform"
FOLDERS = sorted({path.parent for path in ROOT.rglob("versions.tf") if ".terraform" not in path.parts})
ROOTS = [ROOT / "bootstrap", ROOT / "envs" / "production", ROOT / "envs" / "staging"]
BLOCK = re.compile(r'^(variable|output) "(?P<name>\w+)" \{\n(?P<body>.*?)^\}', re.MULTILINE | re.DOTALL)


def blocks(folder: Path, kind: str) -> dict[str, str]:
    """Bodies of one kind of block in a folder, by name."""
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))
    return {match["name"]: match["body"] for match in BLOCK.finditer(text) if match[1] == kind}


def name_of(folder: Path) -> str:
    return str(folder.relative_to(ROOT))


def test_every_part_is_there() -> None:
    assert {"bootstrap", "envs/production", "envs/staging"} <= {name_of(folder) for folder in FOLDERS}
    assert {f"modules/{name}" for name in ("cluster", "database", "identity", "network", "storage")} <= {
        name_of(folder) for folder in FOLDERS
    }


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_every_variable_is_typed_described_and_validated(folder: Path) -> None:
    variables = blocks(folder, "variable")
    assert variables
    for name, body in variables.items():
        assert re.search(r"^  type\s+= ", body, re.MULTILINE), f"{name} has no type"
        assert re.search(r'^  description = ".+"$', body, re.MULTILINE), f"{name} has no description"
        # A bool has no wrong value.
        assert "validation {" in body or re.search(r"^  type\s+= bool$", body, re.MULTILINE), f"{name} is not validated"


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_every_output_is_described(folder: Path) -> None:
    outputs = blocks(folder, "output")
    assert outputs
    for name, body in outputs.items():
        assert re.search(r'^  description = ".+"$', body, re.MULTILINE), f"{name} has no description"


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_every_module_says_what_it_is(folder: Path) -> None:
    readme = folder / "README.md" if (folder / "README.md").exists() else folder.parent / "README.md"
    assert readme.exists()


@pytest.mark.parametrize("root", ROOTS, ids=name_of)
def test_roots_lock_the_provider_for_every_platform(root: Path) -> None:
    lock = (root / ".terraform.lock.hcl").read_text()
    assert '"h1:' in lock, "no checksum of the unpacked provider"
    assert lock.count('"zh:') > 1, "checksums of one platform only"


@pytest.mark.parametrize("root", ROOTS, ids=name_of)
def test_state_is_locked_and_left_to_the_key_of_its_bucket(root: Path) -> None:
    backend = (root / "backend.tf").read_text()
    assert re.search(r"^    use_lockfile = true$", backend, re.MULTILINE)
    assert not re.search(r"^    encrypt\b", backend, re.MULTILINE), "asks for S3's own key instead of the account's"


def test_every_skipped_check_gives_its_reason() -> None:
    skips = [
        line.strip()
        for path in ROOT.rglob("*.tf")
        if ".terraform" not in path.parts
        for line in path.read_text().splitlines()
        if "checkov:skip" in line
    ]
    assert skips
    for skip in skips:
        assert re.fullmatch(r"# checkov:skip=CKV2?_AWS_\d+:\S.{7,}", skip), skip


def test_no_subject_of_github_is_compared_by_pattern() -> None:
    for path in ROOT.rglob("*.tf"):
        if ".terraform" not in path.parts:
            assert not re.search(r"StringLike[^}]*:sub", path.read_text(), re.DOTALL), path


def test_check_refuses_an_unknown_flag() -> None:
    done = subprocess.run([str(ROOT / "check.sh"), "--nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unknown flag --nonsense" in done.stderr
