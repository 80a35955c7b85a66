"""A simulator of splunkd: the management port, HTTP Event Collector and paths of Splunk Web.

Written from Splunk's public documentation. It is not a Splunk, and no Splunk has confirmed it; the
README beside this file says what it does and what it refuses.
"""
