"""Training runs: read labelled events, train, register a version, ask the gate."""
