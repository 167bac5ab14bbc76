"""Conditions as SQL for SQLite, and the parts of them that Python evaluates. See `condition`."""
