"""Makes a portable model from an artefact, and the gate it must pass before a SIEM gets it."""
