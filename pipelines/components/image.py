"""What every component shares: the image it runs in, which holds this code and its libraries."""

import functools
from typing import Final

from kfp import dsl

IMAGE: Final = "ghcr.io/contender/pipeline-python3.11:0.1.0"

component = functools.partial(dsl.component, base_image=IMAGE, install_kfp_package=False)
"""`dsl.component` in our image; nothing is installed when a step starts."""
