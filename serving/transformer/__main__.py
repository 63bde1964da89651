"""`python -m serving.transformer`: settings come from the environment, see `serving.transformer.settings`."""

import sys

from serving import process
from serving.transformer.bootstrap import serve
from serving.transformer.settings import read

if __name__ == "__main__":
    process.main(lambda: read(sys.argv[1:]), serve)
