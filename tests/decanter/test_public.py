"""The names that applications import."""

import subprocess
import sys

import pytest

import decanter


def test_the_public_names_are_these() -> None:
    """One that is added, renamed or dropped changes the interface: CHANGELOG.md says so."""
    assert decanter.__all__ == [
        "AllowedOrigins",
        "ConnectionEvent",
        "ConnectionModel",
        "Disconnection",
        "Flooding",
        "Forbidden",
        "GetResponse",
        "Handshake",
        "Hello",
        "IdentifiedModel",
        "InvalidPayload",
        "MessageError",
        "RateLimit",
        "RateLimited",
        "RateLimitedModel",
        "Refused",
        "Report",
        "Request",
        "Response",
        "Router",
        "Routes",
        "WebTokens",
        "connection_table",
        "scheduled_sweep",
        "table",
    ]
    assert all(getattr(decanter, name) for name in decanter.__all__)


def test_a_name_that_there_is_not_is_refused_as_by_any_module() -> None:
    with pytest.raises(ImportError, match="cannot import name 'Room'"):
        exec("from decanter import Room")


def test_importing_it_imports_nothing_else_of_ours() -> None:
    code = "import sys, decanter; print([name for name in sys.modules if 'decanter.' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
