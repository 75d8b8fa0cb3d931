"""The URL of @connections for an event's API."""

import re
from collections.abc import Mapping
from typing import Any

from decanter.runtime.errors import SettingError
from decanter.runtime.session import session
from decanter.runtime.settings import Settings


def management_endpoint(request_context: Mapping[str, Any], settings: Settings) -> str:
    """Return the URL of @connections with the stage, without a slash at the end.

    The setting `management_endpoint` takes precedence over `requestContext`, which is empty for an
    event without a connection. If clients use a custom domain, @connections answers at the API's
    own host, not at `domainName`. The setting `region` is then necessary, because this host's name
    contains the region.

    Raises:
        SettingError: the settings and the event contain no endpoint, or the region is needed but
            unknown.
    """
    if settings.management_endpoint:
        return settings.management_endpoint
    if "domainName" not in request_context:
        raise SettingError(
            "DECANTER_MANAGEMENT_ENDPOINT",
            None,
            "set it to the URL of @connections, which this event does not contain. `decanter "
            "package` sets it for a function with @uses(sends=True)",
        )
    stage, api_id = request_context["stage"], request_context["apiId"]
    domain = request_context["domainName"]
    if not domain.startswith(f"{api_id}.execute-api."):
        domain = f"{api_id}.execute-api.{_region(settings)}.{_dns_suffix(_region(settings))}"
    return f"https://{domain}/{stage}"


def _region(settings: Settings) -> str:
    if settings.region:
        return settings.region
    raise SettingError("AWS_REGION", None, "set it to the API's region")


def _dns_suffix(region: str) -> str:
    """Return the DNS suffix of the region's partition, from botocore's own data."""
    for partition in session().get_data("partitions")["partitions"]:
        if re.match(partition["regionRegex"], region):
            return str(partition["outputs"]["dnsSuffix"])
    return "amazonaws.com"
