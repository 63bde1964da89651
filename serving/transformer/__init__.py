"""Assigns, routes, falls back and records: the one door to a task's models."""
