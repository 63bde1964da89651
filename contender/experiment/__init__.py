"""Assignment, statistics, plan and verdict."""
