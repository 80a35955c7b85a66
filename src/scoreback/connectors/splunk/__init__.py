"""Splunk, as far as it goes: what Sigma rules select there. No connector speaks to it yet."""
