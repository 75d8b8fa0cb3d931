"""The settings from the environment.

All settings below except `DECANTER_SWEEP_MINUTES` are read once into one frozen object.

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
DECANTER_METRICS_NAMESPACE                a CloudWatch namespace         no metrics
DECANTER_QUEUE_URL                        http(s) URL of the queue       no queue
DECANTER_DEAD_LETTER_QUEUE_URL            http(s) URL                    only SQS moves messages
DECANTER_INLINE_RECIPIENTS                0 to 1,000,000, with a queue   5000
DECANTER_SWEEP_MINUTES                    1 to 120; 0 for no sweep       no sweep
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
"""API Gateway answers 413 to larger posts (the quota is 128 KB per message)."""

_KINDS: dict[type, str] = {int: "whole number", float: "number"}


@dataclass(frozen=True)
class Settings:
    """The settings that the environment controls.

    Attributes:
        management_endpoint: the URL of @connections with the stage; None to use the event's URL.
        region: the region of the API and of the table.
        concurrency: the maximum number of posts in flight; None for the transport's default.
        post_timeout_seconds: the time limit of one attempt to connect or to get an answer.
        deadline_seconds: the time limit of an event or a call without a Lambda context.
        posts_per_second: the rate limit of posts. All APIs in the account and region share API
            Gateway's quota of 10,000 requests per second.
        max_broadcast_bytes: larger frames can only be sent to one connection. API Gateway bills a
            post in units of 32 KB.
        metrics_namespace: CloudWatch's namespace for metrics; None for no metrics.
        sweep_per_second: the number of connections that a sweep checks in one second. The default
            is low because broadcasts use the same quota.
        dead_letter_queue_url: the URL of the queue's dead-letter queue, for the recipients that no
            retry has reached; None if only SQS moves items there.
        inline_recipients: the number of connections that a broadcast posts to before it uses the
            queue.
        shares_pace: True if `posts_per_second` is one function instance's share of a rate limit.
            The transport then stays within this share in every second, so instances that run one
            after another do not exceed the limit together. The environment does not set this field.
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
            SettingError: a value is invalid; the error names the variable, the value and the
                accepted values.
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
    """Return the settings of the queue. The value 0 is a valid number of recipients."""
    remedy = "the URL of the {}; `decanter package` sets it for an app with a Queue"
    most = number(environ, "DECANTER_INLINE_RECIPIENTS", int, 0, 1_000_000)
    return {
        "queue_url": url_of(environ, "DECANTER_QUEUE_URL", remedy.format("queue")),
        "dead_letter_queue_url": url_of(
            environ, "DECANTER_DEAD_LETTER_QUEUE_URL", remedy.format("dead-letter queue")
        ),
        **({} if most is None else {"inline_recipients": most}),
    }


def sweep_minutes(environ: Mapping[str, str]) -> int | None:
    """Return the sweep's interval in minutes, for the schedule in app.py; None for no sweep.

    A connection lives for at most two hours, so a longer interval makes no sense.

    Raises:
        SettingError: the value is not a whole number from 0 (no sweep) to 120.
    """
    if environ.get("DECANTER_SWEEP_MINUTES") == "0":
        return None
    return number(environ, "DECANTER_SWEEP_MINUTES", int, 1, 120)


def region_of(environ: Mapping[str, str]) -> str | None:
    """Return the region from `AWS_REGION`, else `AWS_DEFAULT_REGION`; None if neither is set."""
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
    """Return an http or https URL without a slash at the end; None if the variable is not set.

    Raises:
        SettingError: the value is not an http or https URL; `remedy` describes an accepted value.
    """
    value = environ.get(variable)
    if not value:
        return None
    if not _is_url(value):
        raise SettingError(variable, value, f"set it to {remedy}")
    return value.rstrip("/")


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:  # an invalid port or IPv6 address
        return False
    readable = value.isascii() and value.isprintable() and " " not in value
    return readable and parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0


def number(
    environ: Mapping[str, str], variable: str, kind: type[N], least: float, most: float
) -> N | None:
    """Return a number between two bounds; None if the variable is not set.

    Raises:
        SettingError: the value is not a number, or is outside the bounds.
    """
    value = environ.get(variable)
    if not value:
        return None
    with suppress(ValueError):
        number = kind(value)
        if least <= number <= most:
            return number
    raise SettingError(variable, value, f"set it to a {_KINDS[kind]} from {least} to {most}")
