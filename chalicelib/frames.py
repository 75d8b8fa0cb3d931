"""The frame that tells a client what was wrong with its message.

    {"error": {"code": "unknown_route", "message": "…", "temporary": false, "known_routes": […],
     "ref": …}, "connectionId": "…", "requestId": "…"}

The codes are stable and listed in `errors`; the message is for people and may change. `ref` is
there when the client's message had one of at most `MAX_REF_BYTES`: the same JSON text.
"""

import json

from .faults import Fault
from .request import Request

MAX_REF_BYTES = 256


def error_frame(request: Request, fault: Fault) -> str:
    """The frame for a fault; ASCII but for what the client wrote as its `ref`."""
    error = {"code": fault.code, "message": str(fault), "temporary": fault.temporary}
    members = {name: json.dumps(value) for name, value in (error | fault.details()).items()}
    if (ref := _ref(request)) is not None:
        members["ref"] = ref
    return _object(
        {
            "error": _object(members),
            "connectionId": json.dumps(request.connection_id),
            "requestId": json.dumps(request.request_id),
        }
    )


def _object(texts: dict[str, str]) -> str:
    """A JSON object, from the JSON text of each member."""
    return f"{{{', '.join(f'{json.dumps(name)}: {text}' for name, text in texts.items())}}}"


def _ref(request: Request) -> str | None:
    try:
        ref = request.texts.get("ref")
    except Fault:
        return None
    return ref if ref is not None and len(ref.encode()) <= MAX_REF_BYTES else None
