"""Processes that are forked, and frozen for ten hours between invocations."""

import calendar
import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections import defaultdict
from urllib.parse import quote

import pytest

from tests.soak.conftest import EACH_TRANSPORT, NOTES, size
from tests.support.gateways import ROOT
from tests.support.peer import OK, Peer, Play, run_peer

SIGNED_FOR_SECONDS = 300
SECRET = "test"


class Ledger:
    """Checks each request's signature as API Gateway does, and notes its recipient and time."""

    def __init__(self) -> None:
        self.posts: dict[str, list[tuple[str, int]]] = defaultdict(list)
        self.unsigned: list[bytes] = []

    def __call__(self, peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            while request := peer.request(connection):
                peer.received.clear()
                self._note(request)
                connection.sendall(OK)

        return serve

    def _note(self, request: bytes) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        method, path, _ = lines[0].split(" ")
        fields = (line.partition(":") for line in lines[1:])
        headers = {name.lower(): value.strip() for name, _, value in fields}
        moment = headers["x-amz-date"]
        if not signed(method, path, headers, body):
            self.unsigned.append(request)
        signed_at = calendar.timegm(time.strptime(moment, "%Y%m%dT%H%M%SZ"))
        self.posts[body.decode()].append((path.rpartition("/")[2], signed_at))


def signed(method: str, path: str, headers: dict[str, str], body: bytes) -> bool:
    """Return True if AWS would accept the signature (Signature Version 4)."""
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=test/(\S+), ?SignedHeaders=(\S+), ?Signature=(\w+)",
        headers["authorization"],
    )
    assert found, headers
    scope, names, signature = found.groups()
    lines = "".join(f"{name}:{headers[name]}\n" for name in names.split(";"))
    hashed = hashlib.sha256(body).hexdigest()
    canonical = "\n".join([method, quote(path), "", lines, names, hashed])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, digest])
    return hmac.digest(key, text.encode(), "sha256").hex() == signature


@pytest.mark.parametrize("name", EACH_TRANSPORT)
def test_forks_and_ten_hours_change_nothing(seed: int, name: str, signed: None) -> None:
    """Each connection that may be open gets each message once, with a signature that is valid at
    that time.

    Botocore signs by the machine's own clock, which is not moved.
    """
    ledger = Ledger()
    with run_peer(ledger) as peer:
        steps = size(500, 4)
        done = subprocess.run(
            [sys.executable, "-m", "tests.soak.invocations", str(seed), str(steps)],
            cwd=ROOT,
            env=os.environ
            | {
                "DECANTER_MANAGEMENT_ENDPOINT": f"http://127.0.0.1:{peer.port}/v1",
                "DECANTER_TRANSPORT": name,
                "DECANTER_POST_TIMEOUT_SECONDS": "20",
            },
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    for line in said:
        posts = ledger.posts.pop(line["message"], [])
        assert sorted(recipient for recipient, _ in posts) == line["to"], line
        assert (line["sent"], line["repeated"]) == (len(posts), 0)
        now = time.time() if name == "botocore" else line["at_ms"] / 1000
        assert all(abs(at - now) < SIGNED_FOR_SECONDS for _, at in posts)
    assert not ledger.posts
    assert not ledger.unsigned
    assert sum(len(line["to"]) for line in said) > steps / 2
    NOTES.append(f"forks and freezes, {name}: {steps:,} steps, {len(said):,} broadcasts")
