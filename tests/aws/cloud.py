"""One AWS for the tests: moto's server in a thread, with the additions of `tests.aws`."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from botocore.session import Session
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from tests.aws import cloudformation, deployments, operations, resources
from tests.support.moto_server import moto, serving

REGION = "us-east-1"
BUCKET = "pour-artifacts"

# The calls that do not change AWS, by the first word of the operation's name.
READING = ("Describe", "Get", "Head", "List")


@dataclass(frozen=True)
class Call:
    """A call as it arrived: the service that it was signed for, and its operation.

    The requests of REST services do not name an operation; here it is `METHOD /path`.
    """

    service: str
    operation: str

    @property
    def reads(self) -> bool:
        return self.operation.startswith((*READING, "GET ", "HEAD "))

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}"


@dataclass
class Cloud:
    """AWS for the duration of the tests.

    Attributes:
        endpoint: the value for AWS_ENDPOINT_URL.
        calls: the calls since the last reset.
        on_answer: called after each call, before its caller gets the answer.
    """

    endpoint: str
    calls: list[Call] = field(default_factory=list)
    on_answer: Callable[[Call], None] | None = None
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Return a client that is independent of the command's own."""
        if service not in self._clients:
            self._clients[service] = Session().create_client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return self._clients[service]

    def environment(self) -> dict[str, str]:
        """Return the environment that sends a command to this AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            # A file that no test writes, so that the user's configuration is not read.
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def reset(self) -> None:
        """Return to an empty account with one bucket."""
        from moto.moto_api._internal.models import moto_api_backend

        moto_api_backend.reset()
        operations.FAILURES.clear()
        self.on_answer = None
        self.client("s3").create_bucket(Bucket=BUCKET)
        self.calls.clear()

    def live(self, api_id: str, stage: str) -> Mapping[str, Any]:
        """Return the routes that a stage serves."""
        return deployments.live(api_id, stage, DEFAULT_ACCOUNT_ID, REGION)

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        """Change only the template that a stack was submitted with."""
        stack = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        originals = cloudformation.ORIGINALS
        originals[stack["StackId"]] = change(originals[stack["StackId"]])

    def left(self) -> dict[str, list[str]]:
        """Return everything in the account except the bucket itself, by kind.

        This reads moto's objects: requests over HTTP take ten times as long.
        """

        def backend(service: str, where: str = REGION) -> Any:
            untyped: Any = get_backend  # a literal name is typed as its backend
            return untyped(service)[DEFAULT_ACCOUNT_ID][where]

        found = {
            "stacks": [stack.name for stack in backend("cloudformation").stacks.values()],
            "functions": [
                function.function_name for function in backend("lambda").list_functions()
            ],
            "apis": [api.name for api in backend("apigatewayv2").apis.values()],
            "tables": [*backend("dynamodb").tables],
            "roles": [role.name for role in backend("iam", "aws").roles.values()],
            "log groups": [*backend("logs").groups],
            "objects": self.objects(),
        }
        return {kind: names for kind, names in found.items() if names}

    def objects(self) -> list[str]:
        listed = self.client("s3").list_objects_v2(Bucket=BUCKET)
        return [item["Key"] for item in listed.get("Contents", [])]

    def record(self, call: Call) -> None:
        self.calls.append(call)
        if self.on_answer is not None:
            self.on_answer(call)


def backend(service: Any, where: str = REGION) -> Any:
    """Return moto's backend of a service in the one account, in a region or (IAM) a partition."""
    backends: Any = get_backend(service)
    return backends[DEFAULT_ACCOUNT_ID][where]


class Recorder:
    """WSGI middleware around moto: reports each answered call."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.cloud: Cloud | None = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        answer = list(self.application(environ, start_response))
        if self.cloud is not None:
            self.cloud.record(call_of(environ, body))
        return answer


def call_of(environ: Mapping[str, Any], body: bytes) -> Call:
    """Return the call of a request."""
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")
    service = scope[3] if len(scope) > 3 else "unsigned"
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return Call(service, target.partition(".")[2])
    is_form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    if is_form and (action := parse_qs(body.decode()).get("Action")):
        return Call(service, action[0])
    return Call(service, f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")


@contextmanager
def cloud() -> Iterator[Cloud]:
    """Serve until the block ends."""
    deployments.install()
    resources.install()
    cloudformation.install()
    recorder = Recorder(moto())
    with serving(recorder) as endpoint:
        recorder.cloud = it = Cloud(endpoint)
        it.reset()
        yield it
