"""The embedded SQS: moto's SQS with long polling and SQS's own checks.

moto runs one call at a time. A waiting receiver sleeps until a message is sent or becomes visible.
`local/dynamodb/server.py` loads this file by its path.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

Answer = tuple[int, Mapping[str, str], bytes]
Refusal = Callable[[str, Mapping[str, Any]], str | None]

TARGET = re.compile(r"AmazonSQS\.(\w+)")
DESCRIBE = "DecanterDescribe"
"""An operation that AWS does not have. It returns the number of messages in each queue."""

BAD_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""The characters that SQS refuses in a message (API Reference, SendMessage).

AWS lists the accepted characters, but Python takes ten times longer to compile a pattern of them.
"""

MOST_BYTES = 1024 * 1024
"""The maximum size in bytes of a message, and of all messages in a batch."""

DENIED = "AccessDenied"
MALFORMED = "InvalidMessageContents"
TOO_LONG = "InvalidParameterValue"
FAILED = "AWS.SimpleQueueService.UnsupportedOperation"


def error(code: str, message: str, status: int = 400) -> Answer:
    """Return an error in SQS's form."""
    body = json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": message}).encode()
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-query-error": f"{code};Sender"}
    return status, headers, body


class Sqs:
    """Answers calls in SQS's JSON protocol.

    `make` loads moto's SQS at the first call. `host` is the host and port in the queues' URLs. With
    `waits=False`, a receiver does not wait for messages.
    """

    def __init__(self, make: Callable[[], Any], host: str, *, waits: bool = True) -> None:
        self._waits = waits
        self._make = make
        self._moto: Any = None
        self._host = host
        self._changed = threading.Condition()

    def answer(self, target: str, body: bytes, refusal: Refusal | None = None) -> Answer:
        """Answer a call. `target` is its `X-Amz-Target`, such as `AmazonSQS.SendMessage`."""
        match, call = TARGET.fullmatch(target), _object(body)
        if match is None or call is None:
            return error(FAILED, f"{target} is not a call of SQS's JSON protocol")
        if refusal is not None and (text := refusal(match[1], call)) is not None:
            return error(DENIED, text, 403)
        if (fault := fault_of(call)) is not None:
            return fault
        with self._changed:
            try:
                if match[1] == "ReceiveMessage":
                    return self._receive(call)
                return self._call(match[1], call)
            except Exception as failure:  # noqa: BLE001 - moto's; the client must get an answer
                line = f"the embedded SQS cannot do {match[1]}: {type(failure).__name__}: {failure}"
                return error(FAILED, line)  # SDKs do not retry this error

    def age(self, seconds: float) -> None:
        """Change every message as if this many seconds had passed."""
        with self._changed:
            if self._moto is not None:
                self._moto.age(seconds)
                self._changed.notify_all()

    @property
    def moto(self) -> Any:
        """The SQS of moto, which is loaded at its first use."""
        if self._moto is None:
            self._moto = self._make()
        return self._moto

    def _call(self, operation: str, call: dict[str, Any]) -> Answer:
        if operation == DESCRIBE:
            return 200, {}, json.dumps({"queues": self.moto.describe()}).encode()
        answer: Answer = self.moto.call(operation, call, self._host)
        self._changed.notify_all()
        return answer

    def _receive(self, call: dict[str, Any]) -> Answer:
        name = str(call.get("QueueUrl")).rpartition("/")[2]
        wait = call.get("WaitTimeSeconds")
        is_valid = isinstance(wait, int | float) and 0 <= wait <= 20
        if wait is not None and not is_valid:
            return self._call("ReceiveMessage", call)  # moto refuses this call
        until = time.monotonic() + (self.moto.wait_seconds(name) if wait is None else wait)
        while True:
            before = self.moto.counts()
            answer: Answer = self.moto.call(
                "ReceiveMessage", {**call, "WaitTimeSeconds": 0}, self._host
            )
            if before != self.moto.counts():  # messages went to the dead-letter queue
                self._changed.notify_all()
            left = until - time.monotonic() if self._waits else 0
            if left <= 0 or answer[0] != 200 or json.loads(answer[2]).get("Messages"):
                return answer
            self._changed.wait(min(left, self.moto.due()))


def fault_of(call: Mapping[str, Any]) -> Answer | None:
    """Return SQS's error for a message that only moto would accept; None for any other call."""
    entries = call.get("Entries")
    messages = [call, *(entries if isinstance(entries, list) else ())]
    bodies = [each.get("MessageBody") for each in messages if isinstance(each, dict)]
    texts = [each for each in bodies if isinstance(each, str)]
    if any(map(BAD_TEXT.search, texts)):
        return error(
            MALFORMED,
            "Invalid characters found. Valid unicode characters are #x9 | #xA |"
            " #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        )
    if sum(len(each.encode()) for each in texts) > MOST_BYTES:
        return error(
            TOO_LONG,
            f"One or more parameters are invalid. Reason: Message must be "
            f"shorter than {MOST_BYTES} bytes.",
        )
    return None


def _object(body: bytes) -> dict[str, Any] | None:
    with suppress(ValueError, RecursionError):
        if isinstance(call := json.loads(body), dict):
            return call
    return None
