from __future__ import annotations

import subprocess
import sys


def test_the_c_library_takes_the_settings() -> None:
    # In a process of its own: the settings hold for as long as it lives.
    program = "import platform; from serving.memory import give_back; print(give_back(), platform.libc_ver()[0])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    taken, library = done.stdout.split()
    assert taken == str(library == "glibc")
