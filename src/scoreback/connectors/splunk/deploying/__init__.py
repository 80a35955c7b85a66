"""The objects that detectors need in Splunk beside rules, and checks of what is missing."""
