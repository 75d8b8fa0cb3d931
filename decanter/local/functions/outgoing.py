"""Redirect an app's calls to AWS, refuse them, or send them with the user's own keys.

`worker.py` loads this file by its path, before it imports the app.

- A botocore client's calls to DynamoDB and @connections go to this machine, even if the client has
  its own endpoint. Only calls to another DynamoDB on this machine are unchanged. This rule includes
  the calls of boto3, PynamoDB and other libraries that use botocore. The URL is replaced before the
  signature is made. Unless DynamoDB is the user's own, the new path names the function, so that the
  function's role applies.
- A botocore client's calls to SQS go to this machine too, if the app has queues.
- A botocore client's calls to other services of AWS are sent only if the user's own environment has
  a profile or keys. Otherwise, these calls are refused before the name of the host is resolved.
- Other clients in this process cannot connect to AWS's DynamoDB. Requests of `http.client`, and of
  libraries that use it, cannot reach @connections on AWS.

Hosts outside of AWS are not checked, because an app may use its own database or queue.
"""

from __future__ import annotations

import os
import re
import sys
from contextvars import ContextVar
from functools import wraps
from typing import Any
from urllib.parse import urlsplit, urlunsplit

# The variable with the endpoint of each service, by the service's name in botocore's events.
HERE = {
    "apigatewaymanagementapi": "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
    "dynamodb": "AWS_ENDPOINT_URL_DYNAMODB",
    "dynamodb-streams": "AWS_ENDPOINT_URL_DYNAMODB",
}
SQS = "AWS_ENDPOINT_URL_SQS"
DYNAMODB = "DynamoDB stays on this machine: use boto3 or PynamoDB, or AWS_ENDPOINT_URL_DYNAMODB"
CONNECTIONS = (
    "@connections stays on this machine: use boto3, or AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
)
NO_KEYS = (
    "start decanter local with AWS_PROFILE, or with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)

CALLER = re.compile(r"/_roles/[^/]+")
"""The start of the path in a URL that names the calling function."""

_operation: ContextVar[str] = ContextVar("operation", default="a call")


class Outgoing:
    """The rules for the outgoing calls of one worker. `hosts` is the module `aws_hosts`.

    `has_keys` is True if the user's own environment has a profile or keys for AWS.
    """

    def __init__(self, hosts: Any, *, has_keys: bool) -> None:
        self._hosts = hosts
        self._reaching = hosts.REACHING  # at its end, Python sets a module's names to None
        self._has_keys = has_keys
        self._said: set[str] = set()

    def keep_here(self) -> None:
        """Apply the rules to every client that this process creates from now on."""
        from botocore import handlers
        from botocore.httpsession import ProxyConfiguration, URLLib3Session
        from botocore.session import Session

        handlers.BUILTIN_HANDLERS.append(("before-sign", self._before_sign))
        wrap(URLLib3Session, "send", self._send)
        wrap(ProxyConfiguration, "proxy_url_for", self._proxy_url_for)
        if "AWS_ACCESS_KEY_ID" not in os.environ:
            wrap(Session, "get_credentials", credentials_of_profile)
        sys.addaudithook(self._audit)

    def _before_sign(self, request: Any, event_name: str, **facts: Any) -> None:
        _, service, operation = event_name.split(".", 2)
        _operation.set(f"{service} {operation}")
        if service == "sqs" and CALLER.match(urlsplit(os.environ.get(SQS, "")).path):
            request.url = moved(request.url, SQS)
        elif service not in HERE:
            return
        elif service == "apigatewaymanagementapi" or self._is_embedded(request.url):
            request.url = moved(request.url, HERE[service])
        if "AWS_ACCESS_KEY_ID" not in os.environ and not self._hosts.is_aws(host_of(request.url)):
            use_dummy_keys(facts["request_signer"])

    def _is_embedded(self, url: str) -> bool:
        """True unless calls to this URL go to another DynamoDB on this machine."""
        is_local = self._hosts.is_local(host_of(url))
        return not is_local or urlsplit(url).port == urlsplit(os.environ[HERE["dynamodb"]]).port

    def _send(self, original: Any, session: Any, request: Any) -> Any:
        if self._hosts.is_dynamodb(host_of(request.url)):  # PynamoDB 5 signs without events
            request.url = moved(request.url, HERE["dynamodb"])
        host = host_of(request.url)
        if self._has_keys or not self._hosts.is_aws(host):
            return original(session, request)
        if self._hosts.is_instance_metadata(host):  # as on a machine outside AWS
            raise unreachable(request.url)
        raise self._refusal(host, f"there are no keys for AWS: {NO_KEYS}")

    def _refusal(self, host: str, why: str) -> Exception:
        """Print a line for the user. Return one of botocore's errors for the app."""
        from botocore.exceptions import BotoCoreError

        line = self._say(f"{_operation.get()} to {host} is blocked: {why}")
        names = {"fmt": "{line}", "is_blocked": True, "__module__": "decanter"}
        error: Exception = type("CallBlockedError", (BotoCoreError,), names)(line=line)
        return error

    def _proxy_url_for(self, original: Any, configuration: Any, url: str) -> Any:
        """Use no proxy for a URL on this machine, even if the app's own endpoint needs a proxy."""
        return None if self._hosts.is_local(host_of(url)) else original(configuration, url)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Refuse connections to AWS's DynamoDB, and requests of `http.client` to @connections."""
        if event not in self._reaching:
            return
        for host in self._hosts.reached(event, arguments):
            if not self._hosts.is_aws(host):
                continue
            own = host_of(os.environ[HERE["dynamodb"]])  # the user may have named a host of AWS
            if self._hosts.is_dynamodb(host) and host != own:
                raise ConnectionError(self._say(f"a connection to {host} is blocked: {DYNAMODB}"))
            if event == "http.client.send" and posts_to_connections(host, arguments[1]):
                raise ConnectionError(self._say(f"a request to {host} is blocked: {CONNECTIONS}"))

    def _say(self, line: str) -> str:
        """Print a line for the user, because the app may hide the error. Print each line once."""
        if line not in self._said:
            self._said.add(line)
            print(line)
        return line


def host_of(url: str) -> str:
    """Return the host of a URL."""
    return urlsplit(url).hostname or ""


def moved(address: str, variable: str) -> str:
    """Return a URL in which the host and the function come from the endpoint in a variable."""
    target, url = urlsplit(os.environ[variable]), urlsplit(address)
    caller = None if CALLER.match(url.path) else CALLER.match(target.path)
    path = (caller[0] if caller else "") + url.path
    return urlunsplit(url._replace(scheme=target.scheme, netloc=target.netloc, path=path))


def credentials_of_profile(get: Any, session: Any) -> Any:
    """Return a profile's credentials, or dummy keys for the framework's posts to this machine."""
    caller = sys._getframe(2).f_globals.get("__name__", "")
    return dummy_keys() if caller.startswith("decanter.runtime.") else LateCredentials(get, session)


class LateCredentials:
    """The credentials of a profile, which are read at their first use.

    A profile may need a program, a call to AWS or a person's input to get the credentials. Calls to
    this machine do not need the credentials.
    """

    method = "late"  # botocore reads it for each client

    def __init__(self, get: Any, session: Any) -> None:
        self._get = get
        self._session = session

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the real credentials, which the session caches."""
        from botocore.exceptions import NoCredentialsError

        if (credentials := self._get(self._session)) is None:
            raise NoCredentialsError
        return getattr(credentials, name)

    def get_deferred_property(self, name: str) -> Any:
        """Return a function that returns None, so that botocore uses no account endpoint."""
        return lambda: None


def posts_to_connections(host: str, data: Any) -> bool:
    """True if the data is the head of a request to @connections."""
    head = data.partition(b"\r\n")[0] if isinstance(data, bytes) else b""
    return "execute-api" in host and b"connections/" in head and b"/@" in head.replace(b"%40", b"@")


def use_dummy_keys(signer: Any) -> None:
    """Sign this client's calls with dummy keys."""
    from botocore.signers import RequestSigner

    if type(signer) is RequestSigner:
        signer._credentials = dummy_keys()


def dummy_keys() -> Any:
    """Return dummy keys for services on this machine."""
    from botocore.credentials import Credentials

    return Credentials("local", "local")


def unreachable(url: str) -> Exception:
    """Return botocore's error for a host that does not answer."""
    from botocore.exceptions import EndpointConnectionError

    error: Exception = EndpointConnectionError(endpoint_url=url)
    return error


def wrap(owner: type, name: str, around: Any) -> None:
    """Replace a method with a function that gets the original method first, then the arguments."""
    original = getattr(owner, name)

    @wraps(original)
    def method(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    setattr(owner, name, method)
