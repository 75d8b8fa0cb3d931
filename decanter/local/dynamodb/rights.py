"""The rights of the functions that call the embedded DynamoDB and SQS.

The paths of a function's calls start with `/_roles/{function}`. Calls with any other path come from
a caller without a role, such as the developer. `server.py` loads this file by its path.
"""

from collections.abc import Callable, Mapping
from typing import Any

CALLERS = "/_roles/"
TRACE_HEADER = "X-Amzn-Trace-Id"


class Rights:
    """Allows or denies calls according to the roles that the gateway sends.

    Attributes:
        before: called before each decision, to apply new roles.
        report: called with the guard's reports. Only the gateway's own guard reports faulty
            statements.
    """

    def __init__(self, load: Callable[[str], Any]) -> None:
        self._rule = load("gateway/dynamodb_rights").rule
        self._pairs_of_sqs = load("gateway/sqs_rights").pairs
        self.guard = load("gateway/guard").Guard(load("gateway/iam").Policy, self._tell)
        self.before: Callable[[], object] = lambda: None
        self.report: Callable[[Any], object] = lambda _: None

    def rule_for(self, path: str, headers: Mapping[str, str]) -> Any:
        """Return the rule for a request; None if the request is not from a function."""
        if not path.startswith(CALLERS):
            return None
        self.before()
        function = path.removeprefix(CALLERS).partition("/")[0]
        trace = headers.get(TRACE_HEADER, "")
        if headers.get("X-Amz-Target", "").startswith("AmazonSQS."):
            return self._rule(self.guard, function, trace, self._pairs_of_sqs)
        return self._rule(self.guard, function, trace)

    def _tell(self, facts: Mapping[str, str]) -> None:
        if "note" not in facts:
            self.report(facts)
