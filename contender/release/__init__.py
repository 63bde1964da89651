"""The release state machine, its ports and its audit record."""
