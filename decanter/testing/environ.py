"""Temporary environment variables."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

REGION = "us-east-1"

# Variables that would make botocore use a real account instead of the values below.
DROPPED = (
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
)


def local(management_endpoint: str, dynamodb_endpoint: str | None) -> dict[str, str]:
    """Return variables that keep every AWS client local: endpoints, a region, fake credentials."""
    from decanter.local.dynamodb.embedded import (
        DUMMY_CREDENTIALS,  # imports botocore, which is slow
    )

    # Decanter's framework prefers the second, and a template may set it to the stack's own API.
    names = ("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", "DECANTER_MANAGEMENT_ENDPOINT")
    endpoints = dict.fromkeys(names, management_endpoint)
    if dynamodb_endpoint is not None:
        endpoints["AWS_ENDPOINT_URL_DYNAMODB"] = dynamodb_endpoint
    return {
        **DUMMY_CREDENTIALS,
        **endpoints,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def environment(variables: Mapping[str, str], dropped: tuple[str, ...] = ()) -> Iterator[None]:
    """Set and remove these, then restore the old values."""
    before = {name: os.environ.get(name) for name in (*variables, *dropped)}
    for name in dropped:
        os.environ.pop(name, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
