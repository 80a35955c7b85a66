"""A detector as it is in force: its file, dated overrides, and the resulting operating point."""
