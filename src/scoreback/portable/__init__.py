"""A trained model as plain values, and its scores in plain Python, for use in a SIEM.

Nothing here imports more than the standard library, or anything of Scoreback outside this package:
it is also a package of the Splunk app, under the name ``scoreback_portable``, where Splunk's own
Python runs it. So it is written for Python 3.9, and its files import each other relatively.
"""
