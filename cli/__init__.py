"""The command `contender`: the composition root."""
