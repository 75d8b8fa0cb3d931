"""The handover to botocore's transport, after a failure that the fast transport may have caused.

The fast transport signs requests and reads HTTP with its own code. A refused signature or an
unreadable answer may therefore be a fault of the fast transport. In this case, botocore's transport
makes the same call. If the call succeeds or shows that the connection is gone, botocore's transport
makes all further calls of this process to the endpoint.
"""

import logging

from decanter.runtime.logs import directive, log
from decanter.runtime.transports.base import Outcome, Result
from decanter.runtime.transports.fast.http1 import BadAnswerError


def may_be_ours(outcome: Outcome) -> bool:
    """Return True if a failure may be a fault of the fast transport.

    API Gateway refuses a wrong or missing signature as `InvalidSignatureException`,
    `IncompleteSignatureException` or `MissingAuthenticationTokenException`. The answer for a
    missing right has another error type.
    """
    reason = outcome.reason
    if outcome.result is Result.REFUSED:
        return "Signature" in reason or reason.startswith("MissingAuthenticationToken")
    return reason == BadAnswerError.__name__


def log_handover(endpoint: str, outcome: Outcome, namespace: str | None, now_ms: int) -> None:
    """Log the handover. If a namespace is set, the log line is also a metric."""
    metrics = {"handovers": "Count"}
    log(
        "transport_handover",
        logging.WARNING,
        _aws=directive(metrics, ["event"], namespace, now_ms) if namespace else None,
        handovers=1,
        endpoint=endpoint,
        status=outcome.status,
        reason=outcome.reason,
    )
