"""The environment variables of tests."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager

from decanter.project.credentials import DUMMY_CREDENTIALS
from decanter.project.reads import changed

REGION = "us-east-1"

# With one of these variables, botocore could ignore the endpoints or credentials below, and call a
# real account.
DROPPED = (
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_DEFAULT_PROFILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)

NO_ACCOUNT = {
    **DUMMY_CREDENTIALS,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""The variables with a region and dummy keys, and without the developer's profiles."""


def local(
    management_endpoint: str, dynamodb_endpoint: str | None, sqs_endpoint: str | None = None
) -> dict[str, str]:
    """Return the variables for AWS clients, with local endpoints, a region and dummy keys."""
    # The framework prefers the second variable, and a template can set it to the stack's API.
    names = ("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", "DECANTER_MANAGEMENT_ENDPOINT")
    endpoints = dict.fromkeys(names, management_endpoint)
    if dynamodb_endpoint is not None:
        endpoints["AWS_ENDPOINT_URL_DYNAMODB"] = dynamodb_endpoint
    if sqs_endpoint is not None:
        endpoints["AWS_ENDPOINT_URL_SQS"] = sqs_endpoint
    return NO_ACCOUNT | endpoints


def environment(
    variables: Mapping[str, str], dropped: tuple[str, ...] = ()
) -> AbstractContextManager[None]:
    """Set and unset variables within the block. Restore the old values at the end."""
    return changed({**dict.fromkeys(dropped), **variables})
