"""Data quality at the door: files judged by their task's rules, split row by row, reported and announced."""
