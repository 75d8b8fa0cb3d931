import json

import pytest

from chalicelib.faults import NotAnObject, UnknownRoute
from chalicelib.frames import MAX_REF_BYTES, error_frame
from chalicelib.request import Request

from .events import message_event


def request(body: str) -> Request:
    return Request(message_event(body), None, outbox=None)  # type: ignore[arg-type]


def test_a_frame_has_the_shape_that_clients_rely_on() -> None:
    assert error_frame(request('{"ref": 7}'), UnknownRoute(["sendmessage"])) == (
        '{"error": {"code": "unknown_route", "message": "no such route; there are: sendmessage", '
        '"temporary": false, "known_routes": ["sendmessage"], "ref": 7}, '
        '"connectionId": "Sender0000DoECA=", "requestId": "Rq1xYz0wDoEFbQg="}'
    )


@pytest.mark.parametrize(
    "ref", ["1e5", "null", '"\\ud800"', '{"a":  [1.0]}', "9" * 256, '"é"', "1e999"]
)
def test_the_clients_ref_is_echoed_as_it_was_written(ref: str) -> None:
    frame = error_frame(request(f'{{"ref": {ref}}}'), NotAnObject())
    assert f', "ref": {ref}}}, "connectionId"' in frame
    json.loads(frame)


@pytest.mark.parametrize(
    "body",
    [
        *("", "[]", "{}", '{"ref": NaN}'),
        *(f'{{"ref": "{ref}"}}' for ref in ("x" * (MAX_REF_BYTES - 1), "é" * (MAX_REF_BYTES // 2))),
    ],
)
def test_without_a_ref_or_with_one_too_long_there_is_none(body: str) -> None:
    assert "ref" not in json.loads(error_frame(request(body), NotAnObject()))["error"]
