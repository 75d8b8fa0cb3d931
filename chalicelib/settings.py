"""The environment, read once into one frozen object.

Variable                                  Accepted                       Default
DECANTER_MANAGEMENT_ENDPOINT              http(s) URL with the stage     from the event
AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI  http(s) URL with the stage     from the event
AWS_REGION, else AWS_DEFAULT_REGION       a region                       Lambda sets both
DECANTER_TRANSPORT                        a name in `transports`         botocore
DECANTER_CONCURRENCY                      posts at once, 1 to 256        32
DECANTER_POST_TIMEOUT_SECONDS             0.1 to 29                      2.5
DECANTER_DEADLINE_SECONDS                 0.1 to 900, without a context  25
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import SettingError


@dataclass(frozen=True)
class Settings:
    """What the environment may decide.

    Attributes:
        management_endpoint: where @connections is, the stage included; None: ask the event.
        region: the region of the API and of the table.
        transport: which transport posts.
        concurrency: posts in flight at once.
        post_timeout_seconds: how long one attempt to connect, or to get an answer, may take.
        deadline_seconds: how long a broadcast may take when no Lambda context says.
    """

    management_endpoint: str | None = None
    region: str | None = None
    transport: str = "botocore"
    concurrency: int = 32
    post_timeout_seconds: float = 2.5
    deadline_seconds: float = 25.0

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read them; an empty variable counts as not set.

        Raises:
            SettingError: naming the variable, its value and what is accepted.
        """
        return cls(
            management_endpoint=(
                _url(environ, "DECANTER_MANAGEMENT_ENDPOINT")
                or _url(environ, "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI")
            ),
            region=region_of(environ),
            transport=environ.get("DECANTER_TRANSPORT") or cls.transport,
            concurrency=int(_number(environ, "DECANTER_CONCURRENCY", 1, 256, cls.concurrency)),
            post_timeout_seconds=_number(
                environ, "DECANTER_POST_TIMEOUT_SECONDS", 0.1, 29, cls.post_timeout_seconds
            ),
            deadline_seconds=_number(
                environ, "DECANTER_DEADLINE_SECONDS", 0.1, 900, cls.deadline_seconds
            ),
        )


def region_of(environ: Mapping[str, str]) -> str | None:
    """The region that Lambda and the AWS SDKs name."""
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None


def table_name(environ: Mapping[str, str], variable: str) -> str:
    """The table's name, from the variable that the application chose.

    Raises:
        SettingError: it is not set.
    """
    if name := environ.get(variable):
        return name
    raise SettingError(
        variable,
        None,
        "name the connection table in .chalice/config.json (environment_variables) "
        "and create it with `decanter table create --stage dev`",
    )


def _url(environ: Mapping[str, str], variable: str) -> str | None:
    value = environ.get(variable)
    if not value:
        return None
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise SettingError(variable, value, "set it to a URL such as https://host/stage")
    return value.rstrip("/")


def _number(
    environ: Mapping[str, str], variable: str, least: float, most: float, default: float
) -> float:
    """A number between two bounds; whole ones only where the default is whole."""
    value = environ.get(variable)
    if not value:
        return default
    try:
        number = type(default)(value)
    except ValueError:
        number = None
    if number is None or not least <= number <= most:
        kind = "whole number" if isinstance(default, int) else "number"
        raise SettingError(variable, value, f"set it to a {kind} from {least} to {most}")
    return number
