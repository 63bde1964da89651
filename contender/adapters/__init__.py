"""The outside world behind the ports: files, processes, databases, registries."""
