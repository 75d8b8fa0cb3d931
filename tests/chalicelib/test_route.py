from typing import Any

import pytest

from chalicelib.request import Request
from chalicelib.route import GetResponse, Response, Route, response_of

from .events import message_event


def request(body: str = "{}") -> Request:
    return Request(message_event(body), None, outbox=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("returned", "response"),
    [
        (None, {"statusCode": 200}),
        ("Data sent.", {"statusCode": 200, "body": "Data sent."}),
        ({"statusCode": 202}, {"statusCode": 202}),
    ],
)
def test_what_a_function_returns_becomes_the_response(returned: Any, response: Response) -> None:
    assert response_of(returned) == response


@pytest.mark.parametrize("returned", [3, ["x"], {}, {"statusCode": "200"}])
def test_what_api_gateway_would_not_take_is_refused(returned: Any) -> None:
    with pytest.raises(TypeError, match="a dict with an integer statusCode"):
        response_of(returned)


def test_middleware_runs_around_the_function_the_outermost_first() -> None:
    seen: list[str] = []

    def named(name: str) -> Any:
        def around(request: Request, get_response: GetResponse) -> Response:
            seen.append(f"{name} in")
            response = get_response(request)
            seen.append(f"{name} out")
            return {**response, "body": f"{response['body']} {name}"}

        return around

    def function(request: Request) -> str:
        seen.append("route")
        return "done"

    route = Route("move", function, middleware=(named("module"),))
    assert route.answer(request(), [named("router")])["body"] == "done module router"
    assert seen == ["router in", "module in", "route", "module out", "router out"]


def test_middleware_may_answer_itself() -> None:
    def refuse(request: Request, get_response: GetResponse) -> str:
        return "no"

    def function(request: Request) -> None:
        raise AssertionError

    answer = Route("move", function, middleware=(refuse,)).answer(request())
    assert answer == {"statusCode": 200, "body": "no"}


def test_the_payload_is_read_from_the_message() -> None:
    def function(request: Request, payload: str) -> str:
        return payload

    route = Route("move", function, read_payload=lambda document: document["x"])
    assert route.answer(request('{"x": "payload"}'))["body"] == "payload"
