"""Steps of the pipelines: path in, path out; each runs as ``python -m pipelines.steps.NAME`` and in a kfp component."""
