"""The processes of the queue's function are killed while they post."""

import json
import os
import random
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.chaos.conftest import CLIENTS, FULL
from tests.chaos.swarm import Swarm, total
from tests.support.clients import call
from tests.support.gateways import Running, gateway, wait_until
from tests.support.marks import THOROUGH
from tests.support.projects import CONFIG, write_project
from tests.support.queued import JOBS, WORKER, queued

KILLS = 50 if FULL else 3
MOST_REPEATED = 512
TIMEOUT = 4 if FULL else 3
"""The function's, in seconds."""

LONGEST = 3 if FULL else 1
"""A process is killed at most this many seconds after it has begun."""

VISIBILITY = 6 * TIMEOUT if FULL else TIMEOUT + 1
"""A message of a killed process is visible again after this many seconds; the first is AWS's."""

MOST_RECEIVES = 2
"""A message is a dead letter after three receives, so its third one is not disturbed."""

APP = "import os\n" + queued(
    JOBS,
    WORKER.replace(
        "    return",
        """    (record,) = event.to_dict()["Records"]
    print("works", os.getpid(), record["attributes"]["ApproximateReceiveCount"], "!")
    return""",
    ),
    queue='Queue("broadcasts")',
)
KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}


class Stage:
    """A gateway whose queue has a function that is killed, and its clients."""

    def __init__(self, running: Running, swarm: Swarm, seed: int) -> None:
        self.running = running
        self.swarm = swarm
        self.chance = random.Random(seed)
        self.about: dict[str, Any] = json.loads(call(running, "GET", "/_gateway/info")[2])
        self._sqs = boto3.client("sqs", "us-east-1", endpoint_url=self.about["sqs_url"], **KEYS)
        self._sent = self._read = 0
        self._sqs.set_queue_attributes(
            QueueUrl=self.about["queue_url"], Attributes={"VisibilityTimeout": str(VISIBILITY)}
        )

    def publish(self, count: int) -> None:
        """Queue messages for every client."""
        for _ in range(count):
            self._sent += 1
            text = f"message {self._sent}"  # the key is for dead letters that are sent again
            body = {"method": "everyone", "payload": {"text": text}, "idempotency_key": text}
            self._sqs.send_message(QueueUrl=self.about["queue_url"], MessageBody=json.dumps(body))
            for client in self.swarm.clients:
                client.expected.append(f"message {self._sent}")

    @property
    def kills(self) -> int:
        """How many processes have died while they worked on a message."""
        return sum("the process ended while it ran" in line for line in [*self.running.lines])

    def kill_some(self) -> None:
        """Kill each process that has begun to work, at a random moment."""
        lines = [*self.running.lines]
        for line in lines[self._read :]:
            found = re.search(r"works (\d+) (\d+) !", line)
            if found and int(found[2]) <= MOST_RECEIVES and self.kills < KILLS:
                after = self.chance.uniform(0, LONGEST)
                with suppress(ProcessLookupError):  # it has ended
                    threading.Timer(after, self._kill, [os.pidfd_open(int(found[1]))]).start()
        self._read = len(lines)

    def _kill(self, process: int) -> None:
        if self.kills < KILLS:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
        os.close(process)

    def left(self) -> Counter[str]:
        """Return the number of messages in each queue."""
        queues = json.loads(call(self.running, "GET", "/_gateway/queues")[2])["queues"]
        return Counter(
            {each["name"]: each["visible"] + each["delayed"] + each["inFlight"] for each in queues}
        )

    def redrive(self) -> int:
        """Send the dead letters to the queue again, as an operator does, and return their number.

        On a busy machine, a function may fail for another reason after it was killed twice.
        """
        url = self.about["queue_url"]
        letters = self._sqs.receive_message(QueueUrl=f"{url}-dead", MaxNumberOfMessages=10)
        found = letters.get("Messages", ())
        for each in found:
            self._sqs.send_message(QueueUrl=url, MessageBody=each["Body"])
            self._sqs.delete_message(QueueUrl=f"{url}-dead", ReceiptHandle=each["ReceiptHandle"])
        return len(found)

    def failures(self) -> list[str]:
        """Return the log lines of messages that failed."""
        wanted = ("fan_out_failed", "poison", "Task timed out", "process ended", '"dead"')
        return [line for line in self.running.lines if any(map(line.__contains__, wanted))]

    def repeated(self) -> int:
        """Return the sum of what the rows of the job table call repeated."""
        endpoint = self.running.banner("DynamoDB").split()[0]
        dynamodb = boto3.client("dynamodb", "us-east-1", endpoint_url=endpoint, **KEYS)
        (jobs,) = (each for each in self.about["tables"] if "Job" in each)
        pages = dynamodb.get_paginator("scan").paginate(TableName=jobs)
        states = [json.loads(row["state"]["S"]) for page in pages for row in page["Items"]]
        parts = [each for each in states if "cursor" in each]
        assert all(each["done"] for each in parts)
        return sum(each["repeated"] for each in parts)


@pytest.fixture(name="stage")
def _stage(tmp_path: Path, seed: int) -> Iterator[Stage]:
    config = {**CONFIG, "stages": {"dev": {**CONFIG["stages"]["dev"], "lambda_timeout": TIMEOUT}}}
    project = write_project(tmp_path / "pour", APP, config)
    pace = {"DECANTER_POSTS_PER_SECOND": str(CLIENTS), "AWS_DEFAULT_REGION": "us-east-1"}
    with (
        gateway(project, "--no-reload", environment=pace) as running,
        Swarm(running.url) as swarm,
    ):
        swarm.gather(CLIENTS)
        yield Stage(running, swarm, seed)


@THOROUGH
def test_killed_processes_lose_nothing_and_repeat_few(stage: Stage) -> None:
    redriven = 0

    def quiet() -> bool:
        stage.kill_some()
        return not stage.left()["pour-dev-broadcasts"]

    for _ in range(KILLS):
        if missing := max(0, KILLS - stage.kills):
            stage.publish(missing)
        with suppress(AssertionError):  # many messages need more time
            wait_until(quiet, "the queue is empty")
        redriven += stage.redrive()
        if not missing and not stage.left().total():
            break
    kills = stage.kills  # a process may be killed before the last one is in the log
    assert kills >= KILLS
    assert stage.left().total() == 0, stage.failures()
    stage.swarm.settle()
    tally, repeated = total(stage.swarm.clients), stage.repeated()
    print(f"{kills} kills, {redriven} dead letters sent again, {tally}")
    print(f"{tally.twice} duplicates, at most {repeated} counted")
    assert (tally.lost, tally.unexpected) == (0, 0)
    assert tally.twice <= repeated <= MOST_REPEATED * kills
