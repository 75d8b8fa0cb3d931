"""Signatures, compared with botocore's, which AWS's own clients use."""

from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.handlers import add_recursion_detection_header
from botocore.utils import percent_encode
from hypothesis import given, settings
from hypothesis import strategies as st

from decanter.runtime.transports.fast.http1 import Endpoint
from decanter.runtime.transports.fast.sigv4 import Credentials, SignedRequests, signing_key

BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

# A path of only "." or ".." would be resolved before signing. No connection has such an id.
ids = st.one_of(
    st.text(BASE64 + "-_=", min_size=1),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
).filter(lambda each: each not in {".", ".."})
words = st.text(BASE64, min_size=1, max_size=20)
stages = st.text(BASE64 + "_-~$@+,", min_size=1, max_size=20)
regions = st.sampled_from(
    ["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1"]
)
suffixes = st.sampled_from(["amazonaws.com", "amazonaws.com.cn", "c2s.ic.gov"])
ports = st.sampled_from(["", ":443", ":80", ":8000"])
moments = st.integers(946_684_800, 4_102_444_799).map(partial(datetime.fromtimestamp, tz=UTC))
tokens = st.none() | st.text(BASE64 + "+/=", min_size=1, max_size=1000)
secrets = st.text(BASE64 + "+/", min_size=1, max_size=40)


class AtMoment(SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """botocore's signer at a given time; the steps are those of its `add_auth`."""

    def __init__(self, credentials: BotocoreCredentials, region: str, moment: datetime) -> None:
        super().__init__(credentials, "execute-api", region)
        self.moment = moment

    def add_auth(self, request: Any) -> None:
        request.context["timestamp"] = self.moment.strftime("%Y%m%dT%H%M%SZ")
        self._modify_request_before_signing(request)
        to_sign = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(to_sign, request))


def parsed(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    return line, dict(field.split(": ", 1) for field in fields), body


class Case(NamedTuple):
    method: str
    scheme: str
    host: str
    stage: str
    connection_id: str
    body: bytes
    credentials: Credentials
    region: str
    moment: datetime


cases = st.builds(
    Case,
    method=st.sampled_from(["POST", "GET", "DELETE"]),
    scheme=st.sampled_from(["https", "http"]),
    host=st.builds("{}.execute-api.{}.{}{}".format, words, regions, suffixes, ports),
    stage=stages,
    connection_id=ids,
    body=st.binary(max_size=300),
    credentials=st.builds(Credentials, words, secrets, tokens),
    region=regions,
    moment=moments,
)


@settings(max_examples=200, deadline=None)
@given(cases)
def test_every_byte_equals_botocores_request(case: Case) -> None:
    url = f"{case.scheme}://{case.host}/{case.stage}"
    endpoint, moment_ms = Endpoint.parse(url), int(case.moment.timestamp() * 1000)
    requests = SignedRequests(
        case.method, endpoint, case.body, case.credentials, case.region, moment_ms
    )
    line, fields, sent = parsed(requests.render(case.connection_id))

    path = f"/@connections/{percent_encode(case.connection_id)}"
    theirs = AWSRequest(case.method, url + path, data=case.body)
    signer = AtMoment(BotocoreCredentials(*case.credentials), case.region, case.moment)
    signer.add_auth(theirs)
    assert line == f"{case.method} /{case.stage}{path} HTTP/1.1"
    assert sent == case.body
    assert fields.pop("content-length") == str(len(case.body))
    assert fields.pop("host") == signer.headers_to_sign(theirs)["host"]
    assert fields == {name.lower(): value for name, value in theirs.headers.items()}


def test_an_id_is_encoded_once_on_the_wire_and_twice_for_signing() -> None:
    endpoint = Endpoint.parse("https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/v1")
    requests = SignedRequests("POST", endpoint, b"x", Credentials("A", SECRET), "eu-west-1", 0)
    line, fields, _ = parsed(requests.render("L0SM9cOFvHcCIhw="))
    assert line == "POST /v1/@connections/L0SM9cOFvHcCIhw%3D HTTP/1.1"
    assert requests._canonical.digest() == sha256(b"POST\n/v1/%40connections/").digest()
    assert fields["x-amz-date"] == "19700101T000000Z"


def test_the_trace_id_is_sent_as_botocore_sends_it() -> None:
    """It is quoted, and not signed."""
    endpoint = Endpoint.parse("https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/v1")
    signed = (Credentials("A", SECRET), "eu-west-1", 0)
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=a\r\nb"
    _, plain, _ = parsed(SignedRequests("POST", endpoint, b"x", *signed).render("c"))
    _, fields, _ = parsed(SignedRequests("POST", endpoint, b"x", *signed, trace).render("c"))
    environment = {"AWS_LAMBDA_FUNCTION_NAME": "f", "_X_AMZN_TRACE_ID": trace}
    theirs = AWSRequest("POST", "https://host/")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        add_recursion_detection_header({"headers": theirs.headers})
    assert fields.pop("x-amzn-trace-id") == theirs.headers["X-Amzn-Trace-Id"]
    assert fields == plain


def test_an_id_without_utf8_form_is_sent_and_left_to_the_server_to_refuse() -> None:
    endpoint = Endpoint.parse("http://127.0.0.1:8000/v1")
    requests = SignedRequests("POST", endpoint, b"", Credentials("A", SECRET), "eu-west-1", 0)
    assert requests.render("\ud800").startswith(b"POST /v1/@connections/%3F HTTP/1.1\r\n")


def test_a_key_is_derived_once_for_its_secret_day_and_region() -> None:
    signing_key.cache_clear()
    first = signing_key(SECRET, "20260101", "eu-west-1")
    assert signing_key(SECRET, "20260101", "eu-west-1") == first
    others = {
        signing_key("another", "20260101", "eu-west-1"),
        signing_key(SECRET, "20260102", "eu-west-1"),
        signing_key(SECRET, "20260101", "us-east-1"),
    }
    assert (len({first, *others}), signing_key.cache_info().hits) == (4, 1)
