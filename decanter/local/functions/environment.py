"""The environment of the functions' processes, like the environment on Lambda."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from decanter.gateway.management import CALLERS
from decanter.local.functions.debugger import Ports, Terminal
from decanter.local.functions.interpreter import Interpreter
from decanter.local.functions.pool import Function
from decanter.local.functions.process import INIT_SECONDS, Launch
from decanter.project.config import Project
from decanter.project.credentials import (
    DUMMY_CREDENTIALS,
    access,
    has_keys,
    local_credentials,
    profile,
)
from decanter.project.declaration import Declaration
from decanter.project.queues import has_queues
from decanter.project.secrets import with_own
from decanter.project.stack import Stack
from decanter.project.template import Template

# If one of these variables were set, botocore would ignore the endpoints below.
DROPPED = {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}
# An incomplete pair of keys is dropped, because botocore would ignore the profile.
OWN_KEYS = {*DUMMY_CREDENTIALS, "AWS_SESSION_TOKEN"}


DEBUG_SECONDS = 24 * 3600.0
"""The time limits of functions and connections with `--debug` or `--debugpy`, in seconds."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Creates the app's functions, with their limits and the environment of their processes.

    Attributes:
        is_embedded: True for the embedded DynamoDB. Its URL must name the function that calls it.
        sqs_endpoint: returns the URL of the embedded SQS; None if SQS does not run on this machine.
        log: called with a function's name, a request id or "", and a line that the function
            printed.
        is_current: returns True until the project's files change.
        terminal: for the pdb of a stopped handler; None without `--debug`.
        ports: the ports of the functions' debugpy; None without `--debugpy`.
    """

    project: Project
    template: Template | None
    stack: Stack
    management_endpoint: str
    dynamodb_endpoint: str
    log: Callable[[str, str, str], None]
    python: Interpreter
    is_current: Callable[[], bool]
    terminal: Terminal | None = None
    ports: Ports | None = None
    is_embedded: bool = True
    sqs_endpoint: Callable[[], str] | None = None

    def __call__(self, name: str) -> Function:
        """Return the function with this name in the configuration."""
        full_name = f"{self.stack.app_name}-{self.stack.stage}-{name}"
        arn = f"arn:aws:lambda:{self.stack.region}:{self.stack.account_id}:function:{full_name}"

        def log(line: str, request_id: str) -> None:
            self.log(name, request_id, line)

        environment = self._environment(name, full_name)
        debugs = self.terminal or self.ports
        launch = Launch(
            self.project.directory,
            environment,
            log,
            init_seconds=DEBUG_SECONDS if debugs else INIT_SECONDS,
            has_keys=access() is not None,
            python=self.python,
            is_current=self.is_current,
            terminal=self.terminal,
            debugpy_port=self.ports.of(name) if self.ports else None,
            names=partial(self._names, name),
            stage=self.project.chalice_stage,
        )
        seconds = DEBUG_SECONDS if debugs else self.project.timeout(name, self.template)
        return Function(name, launch, seconds, arn)

    def _names(self, name: str, declared: Declaration) -> dict[str, str]:
        """Return a function's variables for declared tables, for the routers' queue and for SQS."""
        named = self.project.table_variables(declared, self.template, os.environ).get(name, {})
        queue = declared.queue and declared.queue.in_stack(self.stack.name)
        if self.sqs_endpoint is None or not has_queues(declared, self.template):
            # Not the template's values, because they name queues on AWS.
            own = queue.variables(str) if queue else ()
            return {**named, **{each: os.environ.get(each, "") for each in own}}
        endpoint = self.sqs_endpoint()
        url_of = partial(self.stack.queue_url, endpoint=endpoint)
        urls = queue.variables(url_of) if queue else {}
        return {**named, **urls, "AWS_ENDPOINT_URL_SQS": of_caller(endpoint, name)}

    def _environment(self, name: str, full_name: str) -> dict[str, str]:
        dropped = DROPPED if has_keys() else DROPPED | OWN_KEYS
        inherited = {key: value for key, value in os.environ.items() if key not in dropped}
        declared = self.project.environment(name)
        if self.template is not None:
            declared |= self.template.environment(name)
        dynamodb, management = self.dynamodb_endpoint, of_caller(self.management_endpoint, name)
        return {
            **inherited,
            **({} if profile() else local_credentials()),
            **self._of_lambda(name, full_name),
            **with_own(declared, os.environ),
            "AWS_ENDPOINT_URL_DYNAMODB": of_caller(dynamodb, name)
            if self.is_embedded
            else dynamodb,
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": management,
            "DECANTER_MANAGEMENT_ENDPOINT": management,  # not the template's value
            "PYTHONUNBUFFERED": "1",
        }

    def _of_lambda(self, name: str, full_name: str) -> dict[str, str]:
        """Return Lambda's variables (Developer Guide, "Defined runtime environment variables")."""
        python = ".".join(map(str, self.python.version[:2]))
        return {
            "AWS_REGION": self.stack.region,
            "AWS_DEFAULT_REGION": self.stack.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{python}",
            "AWS_LAMBDA_FUNCTION_NAME": full_name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.project.memory(name)),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{full_name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "LAMBDA_TASK_ROOT": str(self.project.directory),
            "TZ": ":UTC",
        }


def of_caller(endpoint: str, function: str) -> str:
    """Return a URL whose path names the function, so that the service can identify it."""
    url = urlsplit(endpoint)
    return url._replace(path=f"{CALLERS}{function}{url.path}").geturl()
