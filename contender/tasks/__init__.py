"""The questions that models answer about people and jobs."""
