"""The clients of AWS for one identity and one region."""

import os
from typing import Any

from botocore.config import Config
from botocore.exceptions import InvalidRegionError, NoRegionError
from botocore.session import Session

from decanter.aws_hosts import is_local_url
from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.credentials import checked_region, local_credentials, local_region
from decanter.urls import is_http_url, refusal

# The time limits apply to one attempt of a call, not to the whole command.
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 20


class AWS:
    """botocore's clients. Each client is created at its first use.

    `profile` is a profile in the AWS configuration, or None for botocore's default. The default of
    `region` is AWS_REGION, and then the region that botocore finds. botocore reads
    AWS_DEFAULT_REGION, but not AWS_REGION, which Lambda and other SDKs use. `endpoint_url` is the
    endpoint of every client; with None, the clients use the endpoints of AWS.

    Raises:
        DecanterError: the region is not valid.
    """

    def __init__(
        self,
        profile: str | None,
        region: str | None = None,
        endpoint_url: str | None = None,
        session: Session | None = None,
    ) -> None:
        self._session = session or Session(profile=profile)
        named = region or os.environ.get("AWS_REGION")
        self._region = checked_region(named) if named else None
        self._endpoint_url = endpoint_url
        self._clients: dict[str, Any] = {}

    @classmethod
    def of(cls, project: Project, region: str | None, endpoint_url: str | None = None) -> "AWS":
        """Return the clients for the profile in the project's configuration, if any.

        For an endpoint on this machine, the clients use the same keys as handlers in `decanter
        local`.
        """
        if endpoint_url is not None and is_local_url(endpoint_url):
            return cls.here(region, endpoint_url)
        return cls(project.config.profile, region, endpoint_url)

    @classmethod
    def here(cls, region: str | None, endpoint_url: str) -> "AWS":
        """Return the clients of services on this machine.

        The clients use the user's own keys or, without them, dummy keys, because local services
        need no account.
        """
        session = Session()
        session.set_credentials(*local_credentials().values())
        return cls(None, region or local_region(), endpoint_url, session)

    @property
    def region(self) -> str:
        """The region.

        Raises:
            NoRegionError: no region is configured.
        """
        region: str | None = self._region or self._session.get_config_variable("region")
        if region is None:
            raise NoRegionError
        return region

    @property
    def suffix(self) -> str:
        """The region's domain, such as `amazonaws.com`."""
        partition = self._session.get_partition_for_region(self.region)
        return "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"

    def client(self, service: str, endpoint_url: str | None = None) -> Any:
        """Return a client of a service, by botocore's name for the service.

        `endpoint_url` is for an endpoint that depends on a resource, such as that of @connections.

        Raises:
            BotoCoreError: no region is configured, or the profile does not exist.
            ProjectError: the endpoint is not a URL.
        """
        if service not in self._clients:
            try:
                client = self._session.create_client(
                    service,
                    region_name=self._region,
                    endpoint_url=endpoint_url or self._endpoint_url,
                    config=Config(
                        connect_timeout=CONNECT_TIMEOUT_SECONDS,
                        read_timeout=READ_TIMEOUT_SECONDS,
                        retries={"mode": "standard", "total_max_attempts": 3},
                    ),
                )
            except InvalidRegionError:  # also a ValueError; `explained` adds the remedy
                raise
            except ValueError as error:
                raise ProjectError(f"{error}: write it as http://HOST:PORT") from error
            if not is_http_url(client.meta.endpoint_url):  # botocore would fail later
                raise ProjectError(refusal(client.meta.endpoint_url))
            self._clients[service] = client
        return self._clients[service]
