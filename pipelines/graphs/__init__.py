"""kfp pipelines: wiring only."""
