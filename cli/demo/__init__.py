"""`contender demo`: the whole story in a throw-away home."""
