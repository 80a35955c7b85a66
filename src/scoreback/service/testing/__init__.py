"""Tests of detectors: fixture events, and what is expected of them; no SIEM is contacted."""
