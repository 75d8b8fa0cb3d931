"""AWS errors, and the line for each."""

import pytest
from botocore import exceptions

from decanter.aws.errors import explained
from decanter.errors import AWSError


def answer(code: str, message: str = "no") -> exceptions.ClientError:
    return exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "CreateTable")


CREDENTIALS = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
    "(for a DynamoDB on your own machine, any value does)"
)
NETWORK = "check the network, the region and, if it is set, the endpoint: AWS_ENDPOINT_URL"


@pytest.mark.parametrize(
    ("fault", "said", "remedy"),
    [
        (exceptions.NoCredentialsError(), "Unable to locate credentials", CREDENTIALS),
        (
            exceptions.NoRegionError(),
            "You must specify a region",
            "give --region, or set AWS_REGION",
        ),
        (
            exceptions.ProfileNotFound(profile="p"),
            "The config profile (p) could not be found",
            "correct AWS_PROFILE or the profile in .chalice/config.json",
        ),
        (
            exceptions.EndpointConnectionError(endpoint_url="http://x"),
            'Could not connect to the endpoint URL: "http://x"',
            NETWORK,
        ),
        (
            exceptions.ReadTimeoutError(endpoint_url="http://x"),
            'Read timeout on endpoint URL: "http://x"',
            NETWORK,
        ),
        (
            exceptions.SSOTokenLoadError(error_msg="old"),
            "Error loading SSO Token: old",
            "sign in again with `aws sso login`",
        ),
        (
            exceptions.UnknownServiceError(service_name="s", known_service_names="n"),
            "Unknown service: 's'. Valid service names are: n",
            "see botocore's documentation of this error",
        ),
        (
            answer("AccessDeniedException", "User: u is not authorized\n to perform: X"),
            "AccessDeniedException: User: u is not authorized to perform: X",
            "grant this identity that permission, or use another identity: AWS_PROFILE",
        ),
        (
            answer("UnrecognizedClientException", "The security token is invalid."),
            "UnrecognizedClientException: The security token is invalid",
            "correct these credentials, and the region they are for",
        ),
        (
            answer("403", "Forbidden"),
            "403: Forbidden",
            "grant this identity that permission, or use another identity: AWS_PROFILE",
        ),
        (
            answer("InvalidClientTokenId", "The security token is invalid."),
            "InvalidClientTokenId: The security token is invalid",
            "correct these credentials",
        ),
        (
            answer("AlreadyExistsException", "ChangeSet decanter-change cannot be created"),
            "AlreadyExistsException: ChangeSet decanter-change cannot be created",
            "another run is in progress: try again when it has ended",
        ),
        (
            answer("TeapotException"),
            "TeapotException: no",
            "see AWS's documentation of this error",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_is_one_line_with_a_remedy(fault: Exception, said: str, remedy: str) -> None:
    with pytest.raises(AWSError) as caught, explained("do it"):
        raise fault
    assert str(caught.value) == f"cannot do it: {said}: {remedy}"


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), explained("do it"):
        raise KeyError
