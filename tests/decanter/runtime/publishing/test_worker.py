"""The queue's function, with a queue and tables in memory."""

from typing import Any

import pytest

from decanter.runtime.errors import PoisonError
from decanter.runtime.transports import outcome_of
from tests.support.fakes import GONE, OK
from tests.support.fixtures import LogLines
from tests.support.queues import QueueStage, ids


def test_a_durable_broadcast_reaches_every_connection_once() -> None:
    stage = QueueStage(ids(400))
    report = stage.broadcast({"n": 1}, durable=True)
    assert (report.sent, report.left_over, bool(report.queued)) == (0, 0, True)
    assert stage.transport.posts == []
    stage.drain()
    assert set(stage.received().values()) == {1}
    assert {text for _, text in stage.transport.posts} == {'{"n":1}'}
    assert stage.totals["posted"] == 400
    assert stage.repeated() == 0


def test_the_caller_posts_to_the_first_and_the_queue_to_the_others() -> None:
    stage = QueueStage(ids(400), DECANTER_INLINE_RECIPIENTS="150")
    report = stage.broadcast("x")
    assert (report.sent, report.left_over, report.cursor) == (150, 0, None)
    assert report.queued is not None
    stage.drain()
    assert set(stage.received().values()) == {1}
    assert stage.totals["posted"] == 250


@pytest.mark.parametrize("durable", [True, False])
def test_a_message_for_the_queue_is_measured(durable: bool, log_lines: LogLines) -> None:
    stage = QueueStage(ids(20), DECANTER_METRICS_NAMESPACE="pour", DECANTER_INLINE_RECIPIENTS="10")
    stage.broadcast("x", durable=durable)
    measured = [line["queued"] for line in log_lines() if line["event"] == "queue"]
    assert measured == [1]


def test_a_small_broadcast_needs_no_queue() -> None:
    stage = QueueStage(ids(20))
    report = stage.broadcast("x")
    assert (report.sent, report.queued) == (20, None)
    assert "queued" not in report.as_fields()
    assert stage.queue.sent == []
    assert stage.connections.pages_read == 1


def test_excluded_connections_are_excluded_in_the_queue() -> None:
    stage = QueueStage(ids(300), DECANTER_INLINE_RECIPIENTS="10")
    left_out = sorted(stage.connections.rows)[::7]
    stage.broadcast("x", exclude=left_out)
    stage.drain()
    received = stage.received()
    assert {received[each] for each in left_out} == {0}
    assert set(received.values()) == {0, 1}
    assert sum(received.values()) == 300 - len(left_out)


def test_near_the_deadline_the_rest_is_handed_on() -> None:
    stage = QueueStage(ids(1000), seconds=10)
    stage.transport.seconds_per_post = 0.1
    stage.broadcast("x", durable=True)
    stage.drain()
    assert set(stage.received().values()) == {1}
    assert stage.totals["handed_on"] >= 10
    assert (stage.errors, stage.repeated()) == ([], 0)


def test_gone_connections_are_cleaned_up() -> None:
    stage = QueueStage(ids(300))
    gone = sorted(stage.connections.rows)[:40]
    for each in gone:
        stage.transport.answer(each, GONE)
    stage.broadcast("x", durable=True)
    stage.drain()
    assert len(stage.connections.rows) == 260
    assert (stage.totals["posted"], stage.totals["gone"]) == (260, 40)


def test_a_young_connection_is_tried_again_later() -> None:
    stage = QueueStage(ids(10))
    stage.connections.rows["young="] = stage.clock.time_ms()
    stage.transport.answer("young=", GONE, OK)
    stage.broadcast("x", durable=True)
    stage.drain()
    assert len(stage.transport.posted_to("young=")) == 2
    assert stage.totals["posted"] == 11


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"method":"rename","payload":{}}', '"rename" is not one of everyone, send'),
        ('{"method":"everyone"}', "payload is not an object"),
        ('{"method":"everyone","payload":{}}', "either data or text"),
        ('{"method":"everyone","payload":{"text":"a","data":1}}', "either data or text"),
        ('{"method":"everyone","payload":{"text":1}}', "text is not a string"),
        ('{"method":"send","payload":{"data":1}}', "connection_ids is not a list"),
        ('{"method":"send","payload":{"data":1,"connection_ids":[1]}}', "connection_ids is not"),
        *(
            (
                f'{{"method":"send","payload":{{"data":1,"connection_ids":["a"]}},"cursor":"{it}"}}',
                "cursor is not the number of a connection",
            )
            for it in ("x", "-5", "9" * 5000, "\u00b2", "0/2:a")
        ),
        ('{"method":"everyone","payload":{"data":1},"attempt":-1}', "attempt is not a whole"),
        ('{"method":"everyone","payload":{"data":1},"idempotency_key":7}', "idempotency_key is"),
        ('{"method":"everyone","payload":{"data":NaN}}', "NaN"),
        ('{"method":"everyone","payload":{"data":"\\ud800"}}', "surrogate"),
        ('{"method":"everyone","payload":{"data":"' + "x" * 131_071 + '"}}', "131073 bytes"),
    ],
)
def test_a_poison_item_ends_in_the_dead_letter_queue(
    body: str, fault: str, log_lines: LogLines
) -> None:
    stage = QueueStage(ids(3))
    stage.queue.put(body)
    assert stage.drain() == 3
    assert stage.queue.dead == [body]
    assert all(isinstance(each, PoisonError) for each in stage.errors)
    lines = [each for each in log_lines() if each["level"] == "ERROR"]
    assert [each["event"] for each in lines] == ["poison"] * 3
    assert fault in lines[0]["error"]
    assert stage.transport.posts == []


@pytest.mark.parametrize(
    "data",
    ["1.0", "1e5", '"\\ufffe"', '"\\u0001"', '"\ufffe \U0001f600 é"', '{"a": [1.0,  2]}', "null"],
)
def test_the_exact_json_text_of_a_foreign_message_arrives(data: str) -> None:
    stage = QueueStage(ids(300), seconds=5)
    stage.transport.seconds_per_post = 0.1
    stage.queue.put(f'{{"method": "everyone", "payload": {{"x": 1, "data": {data} }}}}')
    stage.drain()
    assert {text for _, text in stage.transport.posts} == {data}
    assert set(stage.received().values()) == {1}
    assert stage.totals["handed_on"] > 0


@pytest.mark.parametrize(
    "text",
    ["", "1.0", "\ufffe\uffff\x01\x00", "\U0001f600" * 1000, "\x01" * 131_072, '"' * 131_072],
)
def test_the_exact_text_of_a_broadcast_arrives(text: str) -> None:
    stage = QueueStage(ids(300))
    stage.broadcast(text, durable=True)
    stage.drain()
    assert {posted for _, posted in stage.transport.posts} == {text}
    assert set(stage.received().values()) == {1}


def test_a_foreign_message_reaches_given_connections() -> None:
    stage = QueueStage(ids(10))
    first, second, *_ = stage.connections.rows
    names = f'["{first}","{second}","{first}"]'
    stage.queue.put(f'{{"method":"send","payload":{{"connection_ids":{names},"data":"hi"}}}}')
    stage.drain()
    assert stage.transport.posts == [(first, '"hi"'), (second, '"hi"')]


def test_an_idempotency_key_lets_a_message_start_once(log_lines: LogLines) -> None:
    stage = QueueStage(ids(300))
    for data in ("1", "2", "1"):
        stage.queue.put(
            '{"method":"everyone","payload":{"data":%s},"idempotency_key":"k"}' % data  # noqa: UP031
        )
    stage.drain()
    assert {text for _, text in stage.transport.posts} == {"1"}
    assert set(stage.received().values()) == {1}
    repeated = [each for each in log_lines() if each["event"] == "repeated_message"]
    assert [each["same_frame"] for each in repeated] == [False, True]
    assert [each["level"] for each in repeated] == ["ERROR", "INFO"]


@pytest.mark.parametrize("count", [20, 300])
def test_a_dead_letter_with_a_key_continues_when_it_is_sent_again(count: int) -> None:
    """SQS gives it another id. The table may be large the first time, and small the second."""
    stage = QueueStage(ids(count), seconds=2)
    stage.connections.busy = 1 if count == 300 else 0
    stage.transport.answer(sorted(stage.connections.rows)[7], outcome_of(403, "ForbiddenException"))
    body = '{"method":"everyone","payload":{"data":1},"idempotency_key":"k"}'
    stage.queue.put(body)
    stage.drain()
    assert stage.queue.dead
    stage.transport.answer(sorted(stage.connections.rows)[7], OK)
    for each in (*stage.queue.dead, body):
        stage.queue.put(each)
    stage.drain()
    received = stage.received()
    assert min(received.values()) == 1
    assert sum(received.values()) - count <= stage.repeated() + 3


def test_a_message_that_is_delivered_twice_is_posted_once() -> None:
    stage = QueueStage(ids(300))
    stage.broadcast("x", durable=True)
    message = stage.queue.messages[0]
    stage.deliver()
    stage.queue.messages.append(message)
    message.visible_at = 0
    stage.drain()
    assert set(stage.received().values()) == {1}


def test_another_event_is_refused() -> None:
    event: Any
    for event in ({}, {"Records": [{"eventSource": "aws:sns"}]}, None):
        with pytest.raises(TypeError, match="on_sqs_message"):
            QueueStage([]).worker.run(event)
