"""A detector as it is in force: its file, dated overrides, and the operating point that follows."""
