"""Describe an error of AWS in one line, with the operation, its target and the remedy."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's class, with timeouts and TLS faults as subclasses
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
)

from decanter.errors import AWSError

_CREDENTIALS = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
    "(for a DynamoDB on your own machine, any value does)"
)

# The remedies for errors that occur before AWS answers. More specific errors come first.
_REMEDIES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (NoCredentialsError, _CREDENTIALS),
    (PartialCredentialsError, _CREDENTIALS),
    (NoRegionError, "give --region, or set AWS_REGION"),
    (InvalidRegionError, "correct the region of the profile, or AWS_DEFAULT_REGION"),
    (ProfileNotFound, "correct AWS_PROFILE or the profile in .chalice/config.json"),
    (SSOError, "sign in again with `aws sso login`"),
    (
        (ConnectionError, HTTPClientError),
        "check the network, the region and, if it is set, the endpoint: AWS_ENDPOINT_URL",
    ),
)

_DENIED = "grant this identity that permission, or use another identity: AWS_PROFILE"

# The services' codes for "access denied". S3 answers HEAD without a code, so the status
# 403 is in the set.
DENIED = {"AccessDenied", "AccessDeniedException", "403"}

# The remedies for AWS's error codes.
_CODES = {
    **dict.fromkeys(DENIED, _DENIED),
    "AlreadyExistsException": "another run is in progress: try again when it has ended",
    "ExpiredTokenException": "renew these credentials",
    "ExpiredToken": "renew these credentials",
    "IncompleteSignatureException": "correct these credentials",
    "InsufficientCapabilitiesException": (
        "the template names its IAM roles, which needs a capability that is not requested: remove "
        "RoleName"
    ),
    "InvalidAccessKeyId": "correct these credentials",
    "InvalidChangeSetStatus": "another run is in progress: try again when it has ended",
    "InvalidClientTokenId": "correct these credentials",
    "InvalidSignatureException": "correct the secret key, and this machine's clock",
    "LimitExceededException": "try again in a minute",
    "NoSuchBucket": "create the bucket, or name another with --s3-bucket",
    "OperationInProgressException": "try again when it has ended",
    "MissingAuthenticationTokenException": _CREDENTIALS,
    "SignatureDoesNotMatch": "correct the secret key, and this machine's clock",
    "Throttling": "try again in a minute",
    "ThrottlingException": "try again in a minute",
    "UnrecognizedClientException": "correct these credentials, and the region they are for",
    "ValidationError": "correct what it names",
    "ValidationException": "correct what it names",
}


@contextmanager
def explained(action: str) -> Iterator[None]:
    """Convert an error of botocore into an error with a one-line message.

    Args:
        action: the action and its target, such as `create table decanter-dev-connections`.

    Raises:
        AWSError: the error that replaces botocore's error.
    """
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "Unknown")
        message = error.response.get("Error", {}).get("Message", "")
        remedy = _CODES.get(code, "see AWS's documentation of this error")
        raise AWSError(f"cannot {action}: {code}: {_one_line(message)}: {remedy}") from error
    except BotoCoreError as error:
        remedies = (remedy for kind, remedy in _REMEDIES if isinstance(error, kind))
        remedy = next(remedies, "see botocore's documentation of this error")
        raise AWSError(f"cannot {action}: {_one_line(str(error))}: {remedy}") from error


def _one_line(message: str) -> str:
    return " ".join(message.split()).rstrip(".:")
