"""The errors of a WebSocket connection through a proxy that the environment names."""

from websockets.exceptions import InvalidProxy

PROXY_ERRORS = (InvalidProxy, ImportError)
"""The errors of a proxy that is invalid, or of a SOCKS proxy without the package python-socks."""

PROXY_REMEDY = (
    "correct or unset the proxy, such as https_proxy, list the host in no_proxy, or install "
    "python-socks for a SOCKS proxy"
)


def proxy_reason(error: Exception) -> str:
    """Return the reason of one of these errors, without the proxy's URL and password."""
    if isinstance(error, InvalidProxy):
        return f"the environment's proxy is not valid: {error.msg}"
    return str(error)
