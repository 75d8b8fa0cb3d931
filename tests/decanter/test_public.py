"""The names that applications import."""

import subprocess
import sys

import pytest

import decanter


def test_the_public_names_are_these() -> None:
    """A name that is added, renamed or removed needs a line in CHANGELOG.md."""
    assert decanter.__all__ == [
        "AllowedOrigins",
        "Channel",
        "ConnectionEvent",
        "ConnectionModel",
        "Disconnect",
        "Disconnection",
        "Flooding",
        "Forbidden",
        "GetResponse",
        "Handshake",
        "Hello",
        "IdentifiedModel",
        "InvalidPayload",
        "JobModel",
        "MessageError",
        "Publication",
        "Queue",
        "RateLimit",
        "RateLimited",
        "RateLimitedModel",
        "Refused",
        "ReplyError",
        "Report",
        "Request",
        "Response",
        "Router",
        "Routes",
        "Subscription",
        "SubscriptionModel",
        "TokenExpired",
        "WebTokens",
        "connection_table",
        "job_table",
        "publish_route",
        "scheduled_sweep",
        "subscription_table",
        "table",
        "uses",
    ]
    assert all(getattr(decanter, name) for name in decanter.__all__)


def test_an_unknown_name_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="cannot import name 'Room'"):
        exec("from decanter import Room")


def test_importing_it_imports_no_other_module_of_decanter() -> None:
    code = "import sys, decanter; print([name for name in sys.modules if 'decanter.' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
