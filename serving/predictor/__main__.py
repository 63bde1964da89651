"""`python -m serving.predictor --task T --artifact DIR --digest HEX --http_port P --model_name T`."""

import sys

from serving import process
from serving.predictor.bootstrap import serve
from serving.predictor.settings import read

if __name__ == "__main__":
    process.main(lambda: read(sys.argv[1:]), serve)
