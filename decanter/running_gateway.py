"""Send requests to a running `decanter local`."""

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from decanter.errors import DecanterError, ServiceError
from decanter.urls import is_http_url

URL = "http://127.0.0.1:8000"


class GatewayError(DecanterError):
    """The address is invalid, or the gateway refuses the request."""


def ask(
    url: str,
    path: str,
    keys: set[str],
    *,
    body: bytes | None = None,
    seconds: float = 30,
    remedy: str = "name its address with --url",
) -> dict[str, Any]:
    """Send a request to a gateway and return the answer, a JSON object.

    The method is POST if `body` is given, otherwise GET. The answer of `decanter local` has at
    least one of `keys`. The timeout is in seconds. `remedy` is the part of an error's text that
    explains how to name another address.

    Raises:
        DecanterError: the address is invalid, no gateway answers, or the request is refused.
    """
    if not is_http_url(url) or not url.startswith("http://"):
        raise GatewayError(f"{url} is not an address such as {URL}")
    headers = {} if body is None else {"Content-Type": "application/json"}
    request = Request(f"{url.rstrip('/')}{path}", body, headers)  # noqa: S310
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=seconds) as response:
            answer = json.load(response)
    except HTTPError as error:
        raise GatewayError(_refusal(error, url, remedy)) from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        text = f"no gateway answers at {url}: {getattr(reason, 'strerror', None) or reason}"
        raise ServiceError(f"{text}: start `decanter local`, or {remedy}") from error
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not answer.keys() & keys:
        raise ServiceError(f"the server at {url} is not `decanter local`: {remedy}")
    return answer


def _refusal(error: HTTPError, url: str, remedy: str) -> str:
    """Return the gateway's reason, in one line."""
    try:
        return str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server at {url} answers {error.code}, so it is not `decanter local`: {remedy}"
