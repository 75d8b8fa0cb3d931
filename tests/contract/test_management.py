"""Rules 70 to 85: @connections, with unmodified boto3 and with plain HTTP."""

import datetime as dt
import json
import threading
from typing import Any
from urllib.parse import quote

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.frames import Frame, Opcode

from tests.support.clients import NEVER, ask, call, connection_id, raw_client, read_frame, receive
from tests.support.gateways import Running


@pytest.mark.rule(70)
@pytest.mark.parametrize("segment", ["@connections", "%40connections", "%40Connections"[:14]])
def test_the_path_in_both_spellings_and_the_id_decoded_once(probe: Running, segment: str) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        spelled = segment.replace("C", "c")
        assert call(probe, "POST", f"/api/{spelled}/{quote(mine)}", b"a")[0] == 200
        assert call(probe, "POST", f"/api/{spelled}/{mine}", b"b")[0] == 200
        assert call(probe, "POST", f"/api/{spelled}/{quote(quote(mine))}", b"c")[0] == 400
        assert [receive(client), receive(client)] == ["a", "b"]


@pytest.mark.rule(71)
@pytest.mark.parametrize("data", ["hello", '"hello world !"', "é€😀", "x" * 32768])
def test_a_post_is_one_text_message_of_those_bytes(probe: Running, data: str) -> None:
    with probe.connect(max_size=None) as client:
        mine = connection_id(client)
        result = probe.management().post_to_connection(ConnectionId=mine, Data=data.encode())
        assert result["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert receive(client) == data
        assert ask(client, send="and no more") == "and no more"


@pytest.mark.rule(72, 84)
@pytest.mark.parametrize("operation", ["post_to_connection", "get_connection", "delete_connection"])
def test_what_is_not_open_is_gone(probe: Running, operation: str) -> None:
    with probe.connect() as client:
        closed = connection_id(client)
    for name in (NEVER, closed):
        management = probe.management()
        arguments = {"Data": b"x"} if operation.startswith("post") else {}
        with pytest.raises(management.exceptions.GoneException) as gone:
            getattr(management, operation)(ConnectionId=name, **arguments)
        assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410
        assert gone.value.response["ResponseMetadata"]["RetryAttempts"] == 0


@pytest.mark.rule(73)
@pytest.mark.parametrize("name", ["short", "AAAAAAAAAAAAAAA", "A" * 17, "é", "a/b", "../secret"])
def test_a_malformed_id_is_a_bad_request(probe: Running, name: str) -> None:
    with pytest.raises(ClientError) as bad:
        probe.management().post_to_connection(ConnectionId=name, Data=b"x")
    error = bad.value.response["Error"]
    assert error["Code"] == "BadRequestException"
    assert error["Message"] == f"Invalid connectionId: {name}"


@pytest.mark.rule(74)
def test_a_post_above_128_kb_is_too_large(probe: Running) -> None:
    with probe.connect(max_size=None) as client:
        management = probe.management()
        mine = connection_id(client)
        with pytest.raises(management.exceptions.PayloadTooLargeException) as error:
            management.post_to_connection(ConnectionId=mine, Data=b"x" * 131073)
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
        management.post_to_connection(ConnectionId=mine, Data=b"x" * 131072)
        assert len(receive(client)) == 131072


@pytest.mark.rule(76)
def test_an_empty_post_is_an_empty_message(probe: Running) -> None:
    with probe.connect() as client:
        probe.management().post_to_connection(ConnectionId=connection_id(client), Data=b"")
        assert receive(client) == ""


def test_a_post_that_is_not_utf_8_is_a_bad_request(probe: Running) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        with pytest.raises(ClientError, match="not valid UTF-8"):
            probe.management().post_to_connection(ConnectionId=mine, Data=b"\xff")
        assert ask(client, send="still open") == "still open"


@pytest.mark.rule(78, 79)
def test_get_describes_the_connection(probe: Running) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        first = probe.management().get_connection(ConnectionId=mine)
        assert first["Identity"]["SourceIp"] == "127.0.0.1"
        assert first["Identity"]["UserAgent"].startswith("Python")
        assert isinstance(first["ConnectedAt"], dt.datetime)
        assert first["LastActiveAt"] >= first["ConnectedAt"]
        assert ask(client, send="traffic") == "traffic"
        second = probe.management().get_connection(ConnectionId=mine)
        assert second["LastActiveAt"] > first["LastActiveAt"]
        assert second["ConnectedAt"] == first["ConnectedAt"]


@pytest.mark.rule(78)
def test_the_keys_of_a_description_are_lower_camel(probe: Running) -> None:
    with probe.connect() as client:
        body = json.loads(call(probe, "GET", f"/api/@connections/{connection_id(client)}")[2])
        assert set(body) == {"connectedAt", "identity", "lastActiveAt"}
        assert set(body["identity"]) == {"sourceIp", "userAgent"}


@pytest.mark.rule(80)
def test_delete_is_a_204_and_then_gone(probe: Running) -> None:
    with probe.connect() as client:
        path = f"/api/@connections/{connection_id(client)}"
        status, _, body = call(probe, "DELETE", path)
        assert (status, body) == (204, b"")
        assert call(probe, "DELETE", path)[0] == 410


@pytest.mark.rule(81)
@pytest.mark.parametrize("authorization", ["", "Bearer token"])
def test_a_call_without_a_signature_is_forbidden(probe: Running, authorization: str) -> None:
    path = f"/api/@connections/{NEVER}"
    status, headers, _ = call(probe, "POST", path, b"x", {"Authorization": authorization})
    assert (status, headers["x-amzn-ErrorType"]) == (403, "ForbiddenException")


@pytest.mark.rule(81)
def test_boto3_knows_forbidden(probe: Running) -> None:
    management = probe.management(config=Config(signature_version=None))
    unsigned = probe.management()
    unsigned.meta.events.register("before-send.*", lambda request, **_: strip(request))
    with pytest.raises(unsigned.exceptions.ForbiddenException):
        unsigned.post_to_connection(ConnectionId=NEVER, Data=b"x")
    management.close()


def strip(request: Any) -> None:
    """Remove the signature from a request before it is sent."""
    del request.headers["Authorization"]


@pytest.mark.rule(82)
def test_without_the_stage_it_is_forbidden(probe: Running) -> None:
    for path in (f"/@connections/{NEVER}", f"/other/@connections/{NEVER}"):
        status, _, body = call(probe, "GET", path)
        assert (status, json.loads(body)) == (403, {"message": "Forbidden"})


@pytest.mark.rule(83, 84)
def test_a_client_that_does_not_read_is_429_and_others_are_not(probe: Running) -> None:
    with probe.connect() as other, raw_client(probe) as stuck:  # from here on, it reads nothing
        stuck.sendall(Frame(Opcode.TEXT, b'{"show":"event"}').serialize(mask=True))
        name = json.loads(read_frame(stuck)[1])["requestContext"]["connectionId"]
        management = probe.management(config=Config(retries={"total_max_attempts": 1}))

        def fill() -> None:
            for _ in range(200):
                management.post_to_connection(ConnectionId=name, Data=b"x" * 100_000)

        with pytest.raises(management.exceptions.LimitExceededException) as full:
            fill()
        assert full.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert ask(other, send="untroubled") == "untroubled"


@pytest.mark.rule(85)
def test_posts_of_one_sender_arrive_in_order(probe: Running) -> None:
    with probe.connect() as client:
        management = probe.management()
        mine = connection_id(client)
        sender = threading.Thread(
            target=lambda: [
                management.post_to_connection(ConnectionId=mine, Data=str(number).encode())
                for number in range(50)
            ]
        )
        sender.start()
        assert [receive(client) for _ in range(50)] == [str(number) for number in range(50)]
        sender.join()


def test_another_method_is_not_one_of_the_apis(probe: Running) -> None:
    assert call(probe, "PUT", f"/api/@connections/{NEVER}")[0] == 403
