"""Run the app's Lambda functions in the process of the test."""

import json
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from decanter.gateway.model import Invocation
from decanter.gateway.results import Failure, Outcome, Returned
from decanter.local.functions.worker import LambdaContext
from decanter.local.rights import Rights
from decanter.testing.deployment import Deployment
from decanter.testing.environ import environment
from decanter.testing.exceptions import Exceptions
from decanter.testing.running import running


class Functions:
    """Runs the functions of an app, each with its own environment and its own role.

    The environment variables in `variables` have priority over those of the stage.
    """

    def __init__(self, deployed: Deployment, rights: Rights) -> None:
        self.exceptions = Exceptions()
        self.event: Any = None
        self.variables: Mapping[str, str] = {}
        self._deployed = deployed
        self._rights = rights

    def run(self, invocation: Invocation) -> Outcome:
        """Run the function for an event of API Gateway, and return the outcome."""
        __tracebackhide__ = True
        self.exceptions.last = None
        if invocation.function not in self._deployed.functions:
            return Failure.RAISED  # the app does not have the function that the template names
        try:
            return Returned(self.call(invocation.function, invocation.event))
        except Exception as error:  # noqa: BLE001 - the outcome of the event
            self.exceptions.add(error, invocation.function)
            return Failure.RAISED

    def call(self, function: str, event: Any) -> Any:
        """Run a function and return its result. As in Lambda, the event and the result are JSON."""
        __tracebackhide__ = True
        deployed = self._deployed
        self.event = event
        with environment(self.environment(function)), self.running(function):
            context = LambdaContext(
                {
                    "request_id": str(uuid.uuid4()),
                    "function_arn": deployed.stack.arn("lambda", f"function:{function}"),
                    "timeout_ms": deployed.timeouts[function] * 1000,
                }
            )
            handler = deployed.handlers[function]
            return json.loads(json.dumps(handler(json.loads(json.dumps(event)), context)))

    def running(self, function: str) -> AbstractContextManager[None]:
        """Within the block, apply the function's role to all calls to AWS services."""
        return running(self._rights, function)

    def environment(self, function: str) -> dict[str, str]:
        """Return a function's environment variables."""
        of_lambda = {
            "AWS_LAMBDA_FUNCTION_NAME": f"{self._deployed.stack.name}-{function}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self._deployed.memory(function)),
        }
        return {**self._deployed.environments[function], **of_lambda, **self.variables}
