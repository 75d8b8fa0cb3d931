"""The names that applications import."""

import subprocess
import sys

import pytest

import decanter


def test_the_public_names_are_these() -> None:
    """An added, renamed or removed name changes the interface: CHANGELOG.md says so."""
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


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(ImportError, match="cannot import name 'Room'"):
        exec("from decanter import Room")


def test_its_import_loads_no_other_module_of_ours() -> None:
    code = "import sys, decanter; print([name for name in sys.modules if 'decanter.' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
