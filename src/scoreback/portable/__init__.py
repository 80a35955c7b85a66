"""A trained model as plain values, and its scores in plain Python: what a SIEM needs of it.

Nothing here imports more than the standard library, nor anything of Scoreback outside this package:
it is also a package of the Splunk app, under the name ``scoreback_portable``, where Splunk's own
Python runs it. So it is written for Python 3.9, and its files import each other relatively.
"""
