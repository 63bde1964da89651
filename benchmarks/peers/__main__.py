"""``python -m benchmarks.peers``: install every peer into an environment of its own, with uv; what is there stays."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys

from benchmarks.peers import ALSO, HOME, REQUIREMENTS, ROOT, installed


def main() -> int:
    """Install what is missing; 1 when a peer cannot be installed."""
    argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__).parse_args()
    uv = shutil.which("uv") or str(ROOT / ".tools" / "uv" / "bin" / "uv")
    failed = [name for name in REQUIREMENTS if name not in installed() and not _install(uv, name)]
    print(f"peers installed: {', '.join(installed()) or 'none'}", file=sys.stderr)
    return 1 if failed else 0


def _install(uv: str, name: str) -> bool:
    folder = HOME / name
    print(f"installing {' '.join(REQUIREMENTS[name])} into {folder}", file=sys.stderr)
    made = subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=False)
    python = str(folder / "bin" / "python")
    command = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *REQUIREMENTS[name], *ALSO]
    if made.returncode == 0 and subprocess.run(command, check=False).returncode == 0:
        return True
    shutil.rmtree(folder, ignore_errors=True)
    return False


if __name__ == "__main__":
    sys.exit(main())
