"""Compares shadows with the champion on what both have scored, and acts on the result."""
