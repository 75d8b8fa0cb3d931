"""Fixtures that more than one house's tests use."""

pytest_plugins = ["tests.chalicelib.fixtures"]
