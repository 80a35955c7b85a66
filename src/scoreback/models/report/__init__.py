"""The training report: one HTML page without script or network."""
