"""Combines verdicts, label fields and incidents into one label for each unit, as of a day."""
