"""Runs Scoreback: the only package that knows both the SIEMs and the models."""
