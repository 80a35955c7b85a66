"""Training runs: labelled events read, a version registered, the gate asked."""
