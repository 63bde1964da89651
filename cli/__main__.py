"""`contender`, and `python -m cli`: the way in. Ctrl-C ends it in a word from the first module that loads."""

from __future__ import annotations

import os
import sys

from cli.exit_codes import INTERRUPTED


def main() -> None:
    """Load the command line, run it, and exit with its code."""
    try:
        from cli.main import main as command

        command()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.stderr.flush()
        os._exit(INTERRUPTED)  # what was half loaded has nothing to put in order


if __name__ == "__main__":
    main()
