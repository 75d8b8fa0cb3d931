"""Orders of other programs: whose mistake an error is."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from decanter.runtime.errors import (
    ConfigurationError,
    MissingTableError,
    PoisonError,
    PostingRefusedError,
    SettingError,
)
from decanter.runtime.publishing.orders import give

ORDER = json.dumps({"method": "disconnect", "payload": {"user": "ann"}})


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (ConfigurationError("no pattern matches"), PoisonError),
        (ValueError("no such code"), PoisonError),
        (SettingError("AWS_REGION", None, "set it"), SettingError),
        (MissingTableError("t", "CONNECTIONS_TABLE"), MissingTableError),
        (PostingRefusedError("ForbiddenException"), PostingRefusedError),
    ],
)
def test_only_a_wrong_order_is_poison(raised: Exception, expected: type[Exception]) -> None:
    """A missing setting, table or right is a fault of the deployment, so SQS tries again."""

    def order(method: str, payload: object, outbox: object) -> None:
        raise raised

    outbox: Any = SimpleNamespace(wire=SimpleNamespace(order=order))
    with pytest.raises(expected):
        give(ORDER, "m", outbox, lambda item: None)
