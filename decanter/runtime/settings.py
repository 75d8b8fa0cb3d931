"""The environment, read once into one frozen object.

Variable                                  Accepted                       Default
DECANTER_MANAGEMENT_ENDPOINT              http(s) URL with the stage     from the event
AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI  http(s) URL with the stage     from the event
AWS_REGION, else AWS_DEFAULT_REGION       a region                       Lambda sets both
DECANTER_TRANSPORT                        fast or botocore               fast
DECANTER_CONCURRENCY                      parallel posts, 1 to 512       512; botocore: 32
DECANTER_POSTS_PER_SECOND                 1 to 1,000,000                 8000
DECANTER_POST_TIMEOUT_SECONDS             0.1 to 29                      2.5
DECANTER_DEADLINE_SECONDS                 0.1 to 900, without a context  25
DECANTER_MAX_BROADCAST_BYTES              1 to 131,072                   131,072
DECANTER_METRICS_NAMESPACE                CloudWatch's, such as Decanter no metrics
DECANTER_QUEUE_URL                        http(s) URL of the queue       no queue
DECANTER_DEAD_LETTER_QUEUE_URL            http(s) URL                    SQS moves messages
DECANTER_INLINE_RECIPIENTS                0 to 1,000,000, with a queue   5000
DECANTER_SWEEP_MINUTES                    1 to 120, when app.py loads    no sweep
DECANTER_SWEEP_PER_SECOND                 connections, 1 to 1,000        100
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from decanter.runtime.errors import SettingError

N = TypeVar("N", int, float)

MAX_MESSAGE_BYTES = 131_072
"""API Gateway answers 413 to larger posts (quota: 128 KB a message)."""

_KINDS: dict[type, str] = {int: "whole number", float: "number"}


@dataclass(frozen=True)
class Settings:
    """The settings that the environment controls.

    Attributes:
        management_endpoint: the URL of @connections with the stage; None: derived from the event.
        region: the region of the API and of the table.
        transport: the name of the transport.
        concurrency: maximum number of posts in flight; None: the transport's default.
        post_timeout_seconds: time limit of one attempt to connect or to get an answer.
        deadline_seconds: time limit of a broadcast without a Lambda context.
        posts_per_second: the rate limit of posts. API Gateway's quota of 10,000 requests a
            second is shared by everything in the account and region.
        max_broadcast_bytes: larger frames can only be sent to one connection. API Gateway bills a
            post for each 32 KB.
        metrics_namespace: CloudWatch's namespace for broadcast metrics; None: no metrics.
        sweep_per_second: the connections that a sweep checks in one second. It is low because
            broadcasts share the same quota.
        queue_url: the URL of the router's queue.
        dead_letter_queue_url: the URL of its dead-letter queue, for the recipients that no retry
            has reached; None: SQS moves their item there.
        inline_recipients: with a queue, a broadcast posts to this many connections itself.
        shares_pace: True if the rate is a share of a pace: then a transport never exceeds it in any
            second, and processes that follow each other do not. The environment does not set it.
    """

    management_endpoint: str | None = None
    region: str | None = None
    transport: str = "fast"
    concurrency: int | None = None
    post_timeout_seconds: float = 2.5
    deadline_seconds: float = 25.0
    posts_per_second: float = 8000
    max_broadcast_bytes: int = MAX_MESSAGE_BYTES
    metrics_namespace: str | None = None
    sweep_per_second: int = 100
    queue_url: str | None = None
    dead_letter_queue_url: str | None = None
    inline_recipients: int = 5000
    shares_pace: bool = False

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings. An empty variable counts as not set.

        Raises:
            SettingError: a value is invalid; the error names the variable, its value and what is
                accepted.
        """
        return cls(
            management_endpoint=(
                url_of(environ, "DECANTER_MANAGEMENT_ENDPOINT")
                or url_of(environ, "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI")
            ),
            region=region_of(environ),
            transport=environ.get("DECANTER_TRANSPORT") or cls.transport,
            concurrency=number(environ, "DECANTER_CONCURRENCY", int, 1, 512),
            post_timeout_seconds=(
                number(environ, "DECANTER_POST_TIMEOUT_SECONDS", float, 0.1, 29)
                or cls.post_timeout_seconds
            ),
            deadline_seconds=(
                number(environ, "DECANTER_DEADLINE_SECONDS", float, 0.1, 900)
                or cls.deadline_seconds
            ),
            posts_per_second=(
                number(environ, "DECANTER_POSTS_PER_SECOND", int, 1, 1_000_000)
                or cls.posts_per_second
            ),
            max_broadcast_bytes=(
                number(environ, "DECANTER_MAX_BROADCAST_BYTES", int, 1, MAX_MESSAGE_BYTES)
                or cls.max_broadcast_bytes
            ),
            metrics_namespace=environ.get("DECANTER_METRICS_NAMESPACE") or None,
            **_queue(environ),
            sweep_per_second=(
                number(environ, "DECANTER_SWEEP_PER_SECOND", int, 1, 1000) or cls.sweep_per_second
            ),
        )


def _queue(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of the queue. 0 recipients are a number, and not the default."""
    remedy = "the queue's URL; `decanter package` sets it for an app with a Queue"
    most = number(environ, "DECANTER_INLINE_RECIPIENTS", int, 0, 1_000_000)
    return {
        "queue_url": url_of(environ, "DECANTER_QUEUE_URL", remedy),
        "dead_letter_queue_url": url_of(environ, "DECANTER_DEAD_LETTER_QUEUE_URL", remedy),
        **({} if most is None else {"inline_recipients": most}),
    }


def sweep_minutes(environ: Mapping[str, str]) -> int | None:
    """Return the sweep's interval, for the schedule that app.py declares; None: no sweep.

    A connection lives at most two hours, so a longer interval makes no sense.

    Raises:
        SettingError: it is not a whole number of minutes from 1 to 120; 0 means no sweep.
    """
    if environ.get("DECANTER_SWEEP_MINUTES") == "0":
        return None
    return number(environ, "DECANTER_SWEEP_MINUTES", int, 1, 120)


def region_of(environ: Mapping[str, str]) -> str | None:
    """Return the region that Lambda and the AWS SDKs use."""
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None


def table_name(environ: Mapping[str, str], variable: str) -> str:
    """Return the table's name, from the variable that the application chose.

    Raises:
        SettingError: the variable is not set.
    """
    if name := environ.get(variable):
        return name
    raise SettingError(
        variable,
        None,
        "name the table in .chalice/config.json (environment_variables); `decanter table create "
        "--stage dev` makes the declared tables",
    )


def url_of(
    environ: Mapping[str, str], variable: str, remedy: str = "a URL such as https://host/stage"
) -> str | None:
    """Return an http(s) URL without a slash at its end; None if the variable is not set.

    Raises:
        SettingError: the value is not such a URL; `remedy` names an accepted value.
    """
    value = environ.get(variable)
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise SettingError(variable, value, f"set it to {remedy}")
    return value.rstrip("/")


def number(
    environ: Mapping[str, str], variable: str, kind: type[N], least: float, most: float
) -> N | None:
    """Return a number between two bounds; None if the variable is not set.

    Raises:
        SettingError: the value is not such a number.
    """
    value = environ.get(variable)
    if not value:
        return None
    with suppress(ValueError):
        number = kind(value)
        if least <= number <= most:
            return number
    raise SettingError(variable, value, f"set it to a {_KINDS[kind]} from {least} to {most}")
