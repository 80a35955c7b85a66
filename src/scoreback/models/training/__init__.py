"""Turns a labelled dataset into a model that has earned its place, with its figures."""
