"""The environment that the functions' processes get, as Lambda and the stage would give it."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from decanter.local.dynamodb.embedded import local_credentials
from decanter.local.functions.debugger import Ports, Terminal
from decanter.local.functions.pool import Function
from decanter.local.functions.process import Launch
from decanter.project.config import Project
from decanter.project.stack import Stack
from decanter.project.template import Template

# With one of these set, botocore would ignore the endpoints below.
DROPPED = {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}


DEBUG_SECONDS = 24 * 3600.0
"""The timeout of a function while one debugs it."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the app's functions: their processes' environment, their limits.

    Attributes:
        project: whose functions.
        template: its merge template, if it is used.
        stack: where the functions are taken to be.
        management_endpoint: where @connections is.
        dynamodb_endpoint: where the tables are.
        log: takes a function's name, a request id or "", and a line that was printed.
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
    is_current: Callable[[], bool]
    terminal: Terminal | None = None
    ports: Ports | None = None

    def __call__(self, name: str) -> Function:
        """The function whose configuration has this name."""
        full_name = f"{self.stack.app_name}-{self.stack.stage}-{name}"
        arn = f"arn:aws:lambda:{self.stack.region}:{self.stack.account_id}:function:{full_name}"

        def log(line: str, request_id: str) -> None:
            self.log(name, request_id, line)

        environment = self._environment(name, full_name)
        launch = Launch(
            self.project.directory,
            environment,
            log,
            is_current=self.is_current,
            terminal=self.terminal,
            debugpy_port=self.ports.of(name) if self.ports else None,
        )
        debugs = self.terminal or self.ports
        return Function(name, launch, DEBUG_SECONDS if debugs else self.project.timeout(name), arn)

    def _environment(self, name: str, full_name: str) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if key not in DROPPED}
        declared = self.project.environment(name)
        if self.template is not None:
            declared |= self.template.environment(name)
        return {
            **inherited,
            **local_credentials(),
            **self._of_lambda(name, full_name),
            **declared,
            "AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb_endpoint,
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": self.management_endpoint,
            "DECANTER_MANAGEMENT_ENDPOINT": self.management_endpoint,  # not the template's
            "PYTHONUNBUFFERED": "1",
        }

    def _of_lambda(self, name: str, full_name: str) -> dict[str, str]:
        """Lambda's own variables (Developer Guide, "Defined runtime environment variables")."""
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
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
