"""Steps that bring a state file of an earlier version up to date, one file per step."""
