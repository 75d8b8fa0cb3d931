"""AWS as one identity sees it in one region."""

import os
from typing import Any

from botocore.config import Config
from botocore.exceptions import NoRegionError
from botocore.session import Session

from decanter.errors import ProjectError
from decanter.project.config import Project

# Of a call, not of the whole command.
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 20


class AWS:
    """botocore's clients, each made when it is first asked for.

    Args:
        profile: the profile of the AWS configuration, or None for the environment's.
        region: where; by default AWS_REGION, or what botocore finds. botocore alone reads
            AWS_DEFAULT_REGION but not AWS_REGION, which Lambda and other SDKs use.
        endpoint_url: another endpoint than AWS's, for every client.
        session: botocore's, if not a new one.
    """

    def __init__(
        self,
        profile: str | None,
        region: str | None = None,
        endpoint_url: str | None = None,
        session: Session | None = None,
    ) -> None:
        self._session = session or Session(profile=profile)
        self._region = region or os.environ.get("AWS_REGION")
        self._endpoint_url = endpoint_url
        self._clients: dict[str, Any] = {}

    @classmethod
    def of(cls, project: Project, region: str | None, endpoint_url: str | None = None) -> "AWS":
        """AWS with the profile that the project's configuration names, if it names one."""
        return cls(project.config.profile, region, endpoint_url)

    @property
    def region(self) -> str:
        """Where.

        Raises:
            NoRegionError: nothing says where.
        """
        region: str | None = self._region or self._session.get_config_variable("region")
        if region is None:
            raise NoRegionError
        return region

    @property
    def suffix(self) -> str:
        """What the region's host names end with, as `amazonaws.com`."""
        partition = self._session.get_partition_for_region(self.region)
        return "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"

    def client(self, service: str) -> Any:
        """A client of a service.

        Raises:
            BotoCoreError: nothing says where, or the profile is not there.
            ProjectError: the endpoint is no URL.
        """
        if service not in self._clients:
            try:
                self._clients[service] = self._session.create_client(
                    service,
                    region_name=self._region,
                    endpoint_url=self._endpoint_url,
                    config=Config(
                        connect_timeout=CONNECT_TIMEOUT_SECONDS,
                        read_timeout=READ_TIMEOUT_SECONDS,
                        retries={"mode": "standard", "total_max_attempts": 3},
                    ),
                )
            except ValueError as error:
                raise ProjectError(f"{error}: write it as http://HOST:PORT") from error
        return self._clients[service]
