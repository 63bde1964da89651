"""What components share: the image they run in, which holds this code and its libraries."""

import functools
from typing import Final

from kfp import dsl

IMAGE: Final = "ghcr.io/contender/pipelines:0.1.0"
MONITORING: Final = "ghcr.io/contender/monitoring:0.1.0"
"""The image that has Evidently; pipelines/Dockerfile makes both. Whoever submits names both by digest."""

component = functools.partial(dsl.component, base_image=IMAGE, install_kfp_package=False)
"""`dsl.component` in our image; nothing is installed when a step starts."""

monitoring_component = functools.partial(dsl.component, base_image=MONITORING, install_kfp_package=False)
"""The same in the image for monitoring."""
