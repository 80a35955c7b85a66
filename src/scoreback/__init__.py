"""Scoreback: train detectors on a SIEM's own labels and write the scores back into it."""

__version__ = "0.1.0"
