"""The environment of the functions' processes, as Lambda and the stage would set it."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from decanter.local.dynamodb.embedded import local_credentials
from decanter.local.functions.pool import Function
from decanter.local.functions.process import Launch
from decanter.project.config import Project
from decanter.project.stack import Stack
from decanter.project.template import Template

# With one of these set, botocore would ignore the endpoints below.
DROPPED = {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}


@dataclass(frozen=True, slots=True)
class Maker:
    """Creates the app's functions: their processes' environment, their limits.

    Attributes:
        project: the project with the functions.
        template: its merge template, if it is used.
        stack: the stack's region and names.
        management_endpoint: the URL of @connections.
        dynamodb_endpoint: the URL of the tables' DynamoDB.
        log: takes a function's name, a request id or "", and a printed line.
        is_current: whether the project's files are unchanged.
    """

    project: Project
    template: Template | None
    stack: Stack
    management_endpoint: str
    dynamodb_endpoint: str
    log: Callable[[str, str, str], None]
    is_current: Callable[[], bool]

    def __call__(self, name: str) -> Function:
        """Return the function with this configuration key."""
        full_name = f"{self.stack.app_name}-{self.stack.stage}-{name}"
        arn = f"arn:aws:lambda:{self.stack.region}:{self.stack.account_id}:function:{full_name}"

        def log(line: str, request_id: str) -> None:
            self.log(name, request_id, line)

        environment = self._environment(name, full_name)
        launch = Launch(self.project.directory, environment, log, is_current=self.is_current)
        return Function(name, launch, self.project.timeout(name), arn)

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
            "DECANTER_MANAGEMENT_ENDPOINT": self.management_endpoint,  # overrides the template's
            "PYTHONUNBUFFERED": "1",
        }

    def _of_lambda(self, name: str, full_name: str) -> dict[str, str]:
        """Return Lambda's own variables (Guide, "Defined runtime environment variables")."""
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
