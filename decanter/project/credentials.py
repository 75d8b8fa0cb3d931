"""The region and the credentials for services on this machine and for AWS."""

import os
import re
from collections.abc import Mapping

from decanter.errors import DecanterError, ServiceError

# These keys are used if the environment has none. Local services do not check signatures.
DUMMY_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
DEFAULT_REGION = "us-east-1"

_REGION = re.compile(r"(?!-|\d+\Z)[A-Za-z0-9-]{1,63}(?<!-)")
"""The pattern of the names that botocore accepts. A region becomes a part of host names."""


def checked_region(region: str) -> str:
    """Return the region unchanged. Raise DecanterError if it cannot be the name of a region."""
    if not _REGION.fullmatch(region):
        raise DecanterError(
            f"{region!r} is not a region: correct --region, AWS_REGION or the profile's region to "
            "a name such as eu-west-1"
        )
    return region


def local_region(environ: Mapping[str, str] = os.environ) -> str:
    """Return the region for local resources: from the environment, the profile or the default.

    Raises:
        DecanterError: the profile does not exist, or the region is not valid.
    """
    named = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    return checked_region(named or _region_of_profile(environ) or DEFAULT_REGION)


def local_credentials(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables with keys for local services. The user's own keys have priority.

    DynamoDB Local can have separate tables for each access key, so all its clients must use the
    same access key.
    """
    if not has_keys(environ):
        return DUMMY_CREDENTIALS.copy()
    return {name: environ[name] for name in DUMMY_CREDENTIALS}


def has_keys(environ: Mapping[str, str] = os.environ) -> bool:
    """True if the environment has the user's own keys for AWS."""
    return all(environ.get(name) for name in DUMMY_CREDENTIALS)


def profile(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the profile that the variables name; None if they name none or contain keys."""
    named = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE")
    return None if has_keys(environ) else named or None


def access(environ: Mapping[str, str] = os.environ) -> str | None:
    """Describe the user's own credentials for AWS in a few words; None without credentials."""
    if has_keys(environ):
        return "the keys of AWS_ACCESS_KEY_ID"
    name = profile(environ)
    return f"the profile {name}" if name else None


def _region_of_profile(environ: Mapping[str, str]) -> str | None:
    if (name := profile(environ)) is None:
        return None
    from botocore.exceptions import ProfileNotFound  # slow, and rarely needed
    from botocore.session import Session

    try:
        region: str | None = Session(profile=name).get_config_variable("region")
    except ProfileNotFound as error:
        raise ServiceError(
            f"AWS_PROFILE names the profile {name!r}, which ~/.aws/config does not have: "
            "correct it or unset it"
        ) from error
    return region
