"""Fixtures that every folder of tests may ask for."""

pytest_plugins = ["tests.elasticsearch.fixtures", "tests.elasticsearch.doors"]
