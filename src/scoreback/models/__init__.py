"""Training and judging of detectors: uses records only; no SIEM, no clock, no network."""
