"""From an artefact to a portable model, and the gate that it has to pass before a SIEM gets it."""
