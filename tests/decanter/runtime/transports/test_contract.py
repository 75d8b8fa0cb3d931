"""The contract of all transports, tested with each name of `DECANTER_TRANSPORT`."""

import json
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from decanter.runtime.clock import Clock
from decanter.runtime.recipients import Recipient
from decanter.runtime.session import session
from decanter.runtime.settings import Settings
from decanter.runtime.transports import TRANSPORTS, Outcome, Result, Transport, open_transport
from decanter.runtime.transports.base import Method, Reach
from tests.support.management import HANG, RESET, Answer, Management, Reply, run_management

ID = "L0SM9cOFvHcCIhw="
CONCURRENCY = 8
TIMEOUT = 1.0
TYPE = "x-amzn-ErrorType"
Results = dict[str, Result]


@pytest.fixture(name="management")
def _management() -> Iterator[Management]:
    with run_management() as management:
        yield management


@pytest.fixture(name="transport", params=sorted(TRANSPORTS))
def _transport(
    request: pytest.FixtureRequest, management: Management, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Transport]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    settings = Settings(
        region="eu-west-1",
        transport=request.param,
        concurrency=CONCURRENCY,
        post_timeout_seconds=TIMEOUT,
    )
    transport = open_transport(management.endpoint, settings, Clock(), lambda _: 0.0)
    yield transport
    transport.shutdown()


def soon(seconds: float = 20.0) -> float:
    return Clock().monotonic() + seconds


def people(*connection_ids: str) -> list[Recipient]:
    return [Recipient(each, 0) for each in connection_ids]


def post_all(transport: Transport, *connection_ids: str) -> dict[str, Outcome]:
    deliveries = list(transport.call_all("POST", people(*connection_ids), b"x", soon()))
    assert len(deliveries) == len(connection_ids)
    return {recipient.connection_id: outcome for recipient, outcome in deliveries}


def test_a_post_arrives_signed_with_its_exact_bytes(
    transport: Transport, management: Management
) -> None:
    data = '"😀 \\u0000"'.encode()
    outcome = transport.call("POST", ID, data, soon())
    assert (outcome.result, outcome.status, outcome.attempts) == (Result.OK, 200, 1)
    assert management.received == {ID: [data]}
    assert management.unsigned == 0


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (400, Result.MALFORMED),
        (410, Result.GONE),
        (413, Result.TOO_LARGE),
    ],
)
def test_a_permanent_error_is_not_retried(
    transport: Transport, management: Management, status: int, result: Result
) -> None:
    management.script(ID, status)
    outcome = transport.call("POST", ID, b"x", soon())
    assert (outcome.result, outcome.status) == (result, status)
    assert outcome.reason
    assert management.attempts(ID) == 1


@pytest.mark.parametrize("name", sorted(TRANSPORTS))
def test_posts_and_retries_respect_the_rate_limit(
    name: str, management: Management, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    settings = Settings(region="eu-west-1", transport=name, posts_per_second=50, shares_pace=True)
    transport = open_transport(management.endpoint, settings, Clock(), lambda _: 0.0)
    management.script("c0", 503, 503, 200)
    began = time.monotonic()
    outcomes = post_all(transport, *(f"c{number}" for number in range(18)))
    took = time.monotonic() - began
    transport.shutdown()
    assert {each.result for each in outcomes.values()} == {Result.OK}
    assert took >= 19 / 50  # 20 attempts


def call(transport: Transport, method: Method) -> Outcome:
    """Post to a connection, ask about it or close it."""
    return transport.call(method, ID, b"x" if method == "POST" else b"", soon())


def typed(status: int, error_type: str) -> Reply:
    return Reply(status, b"{}", ((TYPE, error_type),))


HTML = b"<html><body><h1>410 Gone</h1></body></html>"


ANSWERS = [
    (typed(410, "GoneException"), Result.GONE, "GoneException"),
    (typed(410, "GoneException:http://internal.amazon.com/"), Result.GONE, "GoneException"),
    (typed(410, "com.amazonaws.api#GoneException"), Result.GONE, "GoneException"),
    (Reply(410, HTML, ((TYPE.lower(), "GoneException"),)), Result.GONE, "GoneException"),
    (Reply(410, b'{"__type":"aws.api#GoneException"}'), Result.GONE, "GoneException"),
    (Reply(410, b'{"code":"GoneException:http://x"}'), Result.GONE, "GoneException"),
    (Reply(410, b'{"Code":"GoneException"}'), Result.GONE, "GoneException"),
    (Reply(410, b'{"code":null,"__type":"GoneException"}'), Result.GONE, "GoneException"),
    (typed(400, "BadRequestException"), Result.MALFORMED, "BadRequestException"),
    (Reply(400, b'{"code":"BadRequestException"}'), Result.MALFORMED, "BadRequestException"),
    (Reply(410), Result.FAILED, "410"),
    (Reply(410, HTML), Result.FAILED, "410"),
    (Reply(410, b'{"message":"Gone"}'), Result.FAILED, "410"),
    (Reply(410, b'"GoneException"'), Result.FAILED, "410"),
    (Reply(410, b'["GoneException"]'), Result.FAILED, "410"),
    (Reply(410, b'{"__type":410}'), Result.FAILED, "410"),
    (Reply(410, b'{"code":["GoneException"]}'), Result.FAILED, "410"),
    (Reply(410, b"\xff\xfe"), Result.FAILED, "410"),
    (Reply(410, b"[" * 9_000), Result.FAILED, "410"),
    (Reply(410, b'{"__type":"GoneException"}', ((TYPE, ""),)), Result.FAILED, "410"),
    (Reply(410, b'{"code":"X","__type":"GoneException"}'), Result.FAILED, "X"),
    (typed(410, "goneexception"), Result.FAILED, "goneexception"),
    (typed(410, "NotFoundException"), Result.FAILED, "NotFoundException"),
    (
        Reply(410, b"", ((TYPE, "GoneException"), (TYPE, "GoneException"))),
        Result.FAILED,
        "GoneException, GoneException",
    ),
    (Reply(400, HTML), Result.FAILED, "400"),
    (typed(400, "ValidationException"), Result.FAILED, "ValidationException"),
    (typed(400, "GoneException"), Result.FAILED, "GoneException"),
    (Reply(404, HTML), Result.FAILED, "404"),
    (typed(404, "GoneException"), Result.FAILED, "GoneException"),
    (Reply(300, HTML), Result.FAILED, "300"),
    (Reply(302, HTML, (("Location", "/login"),)), Result.FAILED, "302"),
    (Reply(502, HTML), Result.FAILED, "502"),
    (typed(502, "GoneException"), Result.FAILED, "GoneException"),
    (Reply(200, HTML), Result.OK, ""),
]


@pytest.mark.parametrize(("reply", "result", "reason"), ANSWERS)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_connection_is_gone_only_by_api_gateways_own_answer(
    transport: Transport,
    management: Management,
    method: Method,
    reply: Reply,
    result: Result,
    reason: str,
) -> None:
    management.script(ID, reply)
    outcome = call(transport, method)
    assert (outcome.result, outcome.status, outcome.reason) == (result, reply.status, reason)
    assert not transport.reach.reached


@pytest.mark.parametrize(("reply", "result", "reason"), ANSWERS)
def test_botocores_client_reports_the_same_error_types(
    management: Management, reply: Reply, result: Result, reason: str
) -> None:
    management.script(ID, reply)
    client = session().create_client(
        "apigatewaymanagementapi",
        region_name="eu-west-1",
        endpoint_url=management.endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    code: object = ""
    try:
        client.post_to_connection(ConnectionId=ID, Data=b"x")
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "300") or str(reply.status)
    except (AttributeError, RecursionError, TypeError, UnicodeDecodeError):
        code = str(reply.status)  # its parser expects a JSON object of strings
    client.close()
    assert code == reason or not isinstance(code, str)


INFO = {"connectedAt": "2023-11-14T22:13:20Z", "lastActiveAt": "2023-11-14T22:13:20Z"}


@pytest.mark.parametrize(
    ("method", "answer", "reached"),
    [
        ("POST", 200, True),
        ("POST", Reply(200, HTML), False),
        ("POST", Reply(200, b"{}"), False),
        ("POST", 410, False),
        ("GET", 200, True),
        ("GET", Reply(200), False),
        ("GET", Reply(200, HTML), False),
        ("GET", Reply(200, b"[]"), False),
        ("GET", Reply(200, json.dumps(INFO).encode()), False),
        ("GET", Reply(200, json.dumps(INFO | {"identity": {"sourceIp": ""}}).encode()), True),
        ("GET", Reply(200, b'{"connectedAt":"yesterday"}'), False),
        ("DELETE", 204, True),
        ("DELETE", 200, True),
        ("DELETE", Reply(200, HTML), False),
        ("DELETE", 410, False),
    ],
)
def test_an_answer_in_api_gateways_form_counts_as_reached(
    transport: Transport, management: Management, method: Method, answer: Answer, reached: bool
) -> None:
    management.everyone = [answer]
    assert transport.reach == Reach(management.endpoint)
    assert (call(transport, method).result is Result.OK) == (answer != 410)
    assert transport.reach.reached is reached


def test_a_successful_retry_counts_as_reached(transport: Transport, management: Management) -> None:
    management.script(ID, 503, 200)
    post_all(transport, ID)
    assert transport.reach.reached


def test_a_refusal_is_final_after_signing_again(
    transport: Transport, management: Management
) -> None:
    management.script(ID, 403)
    outcome = transport.call("POST", ID, b"x", soon())
    assert (outcome.result, outcome.status) == (Result.REFUSED, 403)
    assert outcome.reason == "ForbiddenException"
    assert management.attempts(ID) <= 2


@pytest.mark.parametrize(
    ("answer", "result", "status"),
    [
        (429, Result.THROTTLED, 429),
        (500, Result.FAILED, 500),
        (503, Result.FAILED, 503),
        (RESET, Result.FAILED, None),
        (HANG, Result.FAILED, None),
    ],
)
def test_a_temporary_error_is_reported_after_three_attempts(
    transport: Transport,
    management: Management,
    answer: int,
    result: Result,
    status: int | None,
) -> None:
    management.script(ID, answer)
    outcome = transport.call("POST", ID, b"x", soon())
    assert (outcome.result, outcome.status, outcome.attempts) == (result, status, 3)
    assert outcome.throttled == (answer == 429)
    assert outcome.repeated == (2 if status is None else 0)
    assert management.attempts(ID) == 3


@pytest.mark.parametrize("answer", [429, 503, RESET, HANG])
def test_a_successful_retry_delivers_once(
    transport: Transport, management: Management, answer: int
) -> None:
    management.script(ID, answer, 200)
    outcome = transport.call("POST", ID, b"x", soon())
    assert (outcome.result, outcome.attempts) == (Result.OK, 2)
    assert outcome.throttled == (answer == 429)
    assert outcome.repeated == (answer in (RESET, HANG))
    assert management.attempts(ID) == 2


def test_nothing_is_retried_after_the_deadline(
    transport: Transport, management: Management
) -> None:
    management.script(ID, 503)
    assert transport.call("POST", ID, b"x", soon(-1)).attempts == 1
    assert management.attempts(ID) == 1


def test_a_closed_port_is_a_failure(transport: Transport, management: Management) -> None:
    """A port without a listener is a failure, not an exception."""
    settings = Settings(region="eu-west-1", post_timeout_seconds=TIMEOUT)
    lost = open_transport("http://127.0.0.1:9/v1", settings, Clock(), lambda _: 0.0)
    assert lost.call("POST", ID, b"x", soon()).result is Result.FAILED
    lost.shutdown()


def test_many_recipients_each_get_it_once_within_the_concurrency(
    transport: Transport, management: Management
) -> None:
    management.together = CONCURRENCY
    ids = [f"Client{number:04}DoECA=" for number in range(100)]
    outcomes = post_all(transport, *ids)
    assert {outcome.result for outcome in outcomes.values()} == {Result.OK}
    assert management.received == {each: [b"x"] for each in ids}
    assert max(management.at_once) == CONCURRENCY


def test_each_outcome_belongs_to_its_recipient(
    transport: Transport, management: Management
) -> None:
    management.script("gone", 410)
    management.script("slow", 429)
    management.script("bad", 400)
    management.script("reset", RESET)
    outcomes = post_all(transport, "a", "gone", "slow", "bad", "reset", "z")
    assert {each: outcome.result for each, outcome in outcomes.items()} == {
        "a": Result.OK,
        "gone": Result.GONE,
        "slow": Result.THROTTLED,
        "bad": Result.MALFORMED,
        "reset": Result.FAILED,
        "z": Result.OK,
    }


STS_REFUSAL = b"<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>"
ROLE = """
[profile role]
role_arn = arn:aws:iam::123456789012:role/posts
source_profile = user
[profile user]
aws_access_key_id = test
aws_secret_access_key = test
"""


@pytest.mark.parametrize("name", sorted(TRANSPORTS))
def test_credentials_refused_by_sts_are_a_refusal_and_prove_nothing(
    management: Management, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """STS answers 400, too."""
    (tmp_path / "config").write_text(ROLE)
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_PROFILE", "role")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", management.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    management.everyone = [Reply(400, STS_REFUSAL)]
    session.cache_clear()
    settings = Settings(region="eu-west-1", transport=name)
    transport = open_transport("http://127.0.0.1:9/v1", settings, Clock(), lambda _: 0.0)
    outcome = transport.call("POST", ID, b"x", soon())
    transport.shutdown()
    session.cache_clear()
    assert (outcome.result, outcome.reason) == (Result.REFUSED, "ClientError")


def test_no_recipients_is_not_an_error(transport: Transport) -> None:
    assert post_all(transport) == {}


def test_hanging_posts_do_not_delay_the_others_or_the_end(
    transport: Transport, management: Management
) -> None:
    hanging = [f"hang{number}" for number in range(CONCURRENCY - 1)]
    for each in hanging:
        management.script(each, HANG)
    ids = [f"Client{number:04}DoECA=" for number in range(30)]
    began = time.monotonic()
    order = [
        each.recipient for each in transport.call_all("POST", people(*hanging, *ids), b"x", soon())
    ]
    assert time.monotonic() - began < 3 * TIMEOUT + 5
    assert {each.connection_id for each in order[:30]} == set(ids)


def test_under_throttling_fewer_posts_are_in_flight(
    transport: Transport, management: Management
) -> None:
    management.everyone = [429]
    ids = [f"Client{number:04}DoECA=" for number in range(40)]
    outcomes = post_all(transport, *ids)
    assert {outcome.result for outcome in outcomes.values()} == {Result.THROTTLED}
    assert max(management.at_once[-len(ids) :]) <= 2


def test_recipients_are_taken_only_when_their_post_can_start(
    transport: Transport, management: Management
) -> None:
    taken: list[str] = []

    def endless() -> Iterator[Recipient]:
        for number in count():
            taken.append(f"c{number}")
            yield Recipient(taken[-1], 0)

    deliveries = transport.call_all("POST", endless(), b"x", soon())
    for _ in range(5):
        next(deliveries)
    # In flight, and answered in the same round as the yielded ones.
    assert len(taken) <= 2 * CONCURRENCY + 5
    deliveries.close()  # type: ignore[attr-defined]  # a generator in every transport


def test_no_recipient_is_lost_at_the_deadline(transport: Transport, management: Management) -> None:
    management.everyone = [HANG]
    taken: list[Recipient] = []

    def endless() -> Iterator[Recipient]:
        for number in count():
            taken.append(Recipient(f"c{number}", 0))
            yield taken[-1]

    began = time.monotonic()
    deliveries = list(transport.call_all("POST", endless(), b"x", soon(TIMEOUT / 2)))
    assert time.monotonic() - began < TIMEOUT / 2 + 2
    assert sorted(each.recipient for each in deliveries) == sorted(taken)
    assert {each.outcome.result for each in deliveries} == {Result.FAILED}


def test_a_retry_that_is_cut_off_by_the_deadline_is_counted(
    transport: Transport, management: Management
) -> None:
    management.script(ID, RESET, HANG)
    (delivery,) = transport.call_all("POST", people(ID), b"x", soon(TIMEOUT / 2))
    assert delivery.outcome.result is Result.FAILED
    assert (delivery.outcome.repeated, management.attempts(ID)) == (1, 2)


def test_no_recipient_is_taken_after_the_deadline(transport: Transport) -> None:
    source = iter(people("a"))
    assert list(transport.call_all("POST", source, b"x", soon(-1))) == []
    assert next(source).connection_id == "a"


def test_a_connection_can_be_asked_about_and_closed(
    transport: Transport, management: Management
) -> None:
    assert call(transport, "GET").result is Result.OK
    management.script(ID, 204, 410)
    assert call(transport, "DELETE").result is Result.OK
    assert call(transport, "DELETE").result is Result.GONE
    assert call(transport, "GET").result is Result.GONE
    assert management.methods == {"GET": 2, "DELETE": 2}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_get_and_delete_work_for_many_connections_like_post(
    transport: Transport, management: Management, method: Method
) -> None:
    ids = [f"Client{number:04}DoECA=" for number in range(30)]
    management.script(ids[3], 410)
    management.script(ids[4], 429)
    management.script(ids[5], 503, 200)
    answers = transport.call_all(method, people(*ids), b"", soon())
    results = {row.connection_id: outcome for row, outcome in answers}
    others = dict.fromkeys(ids, Result.OK)
    assert {each: outcome.result for each, outcome in results.items()} == {
        **others,
        ids[3]: Result.GONE,
        ids[4]: Result.THROTTLED,
    }
    assert (results[ids[4]].attempts, results[ids[5]].attempts) == (3, 2)
    assert {*management.received} == {*ids}
    assert management.methods == {method: 30 + 2 + 1}
    assert max(management.at_once) <= CONCURRENCY
    assert management.unsigned == 0


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_no_get_is_sent_after_the_deadline(transport: Transport, method: Method) -> None:
    source = iter(people("a"))
    assert list(transport.call_all(method, source, b"", soon(-1))) == []
    assert next(source).connection_id == "a"
