"""The wire is the same as in version 0.1.1, byte for byte, except ids and dates."""

import json
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.gateways import Running
from tests.support.wire import play

TRANSCRIPT = Path(__file__).with_name("wire_0_1_1.json")


def test_every_byte_is_the_same_as_in_0_1_1(service: Running) -> None:
    port = urlsplit(service.url).port
    assert port is not None
    assert play(port) == json.loads(TRANSCRIPT.read_text())
