"""Marks for the tests."""

import pytest

THOROUGH = pytest.mark.thorough
"""A slow variant of another test, on the same path through the code.

`make test` skips it, `make thorough` runs it.
"""
