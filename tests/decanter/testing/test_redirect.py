"""botocore's calls end in a mock, in the test client or on this machine, or they are refused."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import EndpointConnectionError, ProxyConnectionError
from botocore.httpsession import URLLib3Session
from botocore.stub import Stubber
from botocore.utils import ContainerMetadataFetcher, InstanceMetadataFetcher
from moto import mock_aws

from decanter.testing.block import aws_allowed
from decanter.testing.environ import environment, local
from decanter.testing.errors import CallRefused
from decanter.testing.loopback import dynamodb_netloc, management_server
from decanter.testing.redirect import blocked, redirected

MANAGEMENT = "127.0.0.1:9"
TABLE: dict[str, Any] = {
    "TableName": "mocked",
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture(name="credentials", autouse=True)
def _credentials() -> Iterator[None]:
    with environment(local(f"http://{MANAGEMENT}", None)):
        yield


@pytest.mark.parametrize("retries", ["legacy", "standard", "adaptive"])
def test_a_refused_call_is_tried_once(retries: str) -> None:
    config = boto3.session.Config(retries={"mode": retries, "max_attempts": 5})
    client = boto3.client("sts", config=config)
    tries: list[str] = []
    client.meta.events.register("before-send", lambda request, **_: tries.append(request.url))
    with blocked(), pytest.raises(CallRefused) as caught:
        client.get_caller_identity()
    assert len(tries) == 1
    assert str(caught.value) == (
        "STS GetCallerIdentity to sts.us-east-1.amazonaws.com is refused: a test's calls to AWS "
        "stay on this machine. Mock it with moto's mock_aws or botocore's Stubber, "
        "or allow the call: "
        "with decanter.testing.aws_allowed('sts.us-east-1.amazonaws.com')"
    )


def test_mocks_and_stubs_answer_first() -> None:
    with redirected(MANAGEMENT, dynamodb_netloc()):
        queues = boto3.client("sqs")
        with Stubber(queues) as stubber:
            stubber.add_response("list_queues", {"QueueUrls": ["stubbed"]})
            assert queues.list_queues()["QueueUrls"] == ["stubbed"]
        with mock_aws():
            boto3.client("s3").create_bucket(Bucket="mocked")
            assert boto3.client("s3").list_buckets()["Buckets"][0]["Name"] == "mocked"
        with pytest.raises(CallRefused, match="S3 ListBuckets to s3"):
            boto3.client("s3").list_buckets()


def test_an_apps_tables_are_separate_from_those_of_a_mock() -> None:
    """The calls are made within `mock_aws`, by a client that was made with AWS's endpoint."""
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(**TABLE)
        with redirected(MANAGEMENT, dynamodb_netloc()):
            assert client.list_tables()["TableNames"] == []
        assert client.list_tables()["TableNames"] == ["mocked"]


def test_a_mock_serves_an_app_without_declared_tables() -> None:
    with redirected(MANAGEMENT, None):
        client = boto3.client("dynamodb")
        with mock_aws():
            mocked = boto3.client("dynamodb")
            mocked.create_table(**TABLE)
            assert mocked.list_tables()["TableNames"] == ["mocked"]
        assert client.list_tables()["TableNames"] == []


@pytest.mark.parametrize("service", ["dynamodb", "s3", "sqs"])
def test_a_service_on_this_machine_is_called(service: str) -> None:
    config = boto3.session.Config(retries={"total_max_attempts": 1})
    client = boto3.client(service, endpoint_url="http://localhost:9", config=config)
    call = {"dynamodb": "list_tables", "s3": "list_buckets", "sqs": "list_queues"}[service]
    with redirected(MANAGEMENT, dynamodb_netloc()), pytest.raises(EndpointConnectionError):
        getattr(client, call)()


def test_the_test_client_still_answers_allowed_hosts() -> None:
    with aws_allowed(), redirected(MANAGEMENT, dynamodb_netloc()):
        assert boto3.client("dynamodb").list_tables()["TableNames"] == []


def test_dynamodb_streams_are_refused() -> None:
    with (
        redirected(MANAGEMENT, dynamodb_netloc()),
        pytest.raises(CallRefused, match=r"^DynamoDB Streams ListStreams to streams\.dynamodb\."),
    ):
        boto3.client("dynamodbstreams").list_streams()


def test_instance_credentials_are_missing_and_container_credentials_refused() -> None:
    """boto3 continues without the first, as on every machine outside AWS."""
    with blocked():
        metadata = InstanceMetadataFetcher(env={}, timeout=0.1)
        assert metadata.retrieve_iam_role_credentials() == {}
        with pytest.raises(CallRefused, match=r"^A call to 169\.254\.170\.2 .* Set AWS_ACCESS_KEY"):
            ContainerMetadataFetcher().retrieve_uri("/role")


def test_calls_to_this_machine_skip_a_clients_proxy() -> None:
    proxies = {"http": "http://127.0.0.1:9"}
    session = URLLib3Session(proxies=proxies)
    request = AWSRequest("GET", f"http://{management_server().netloc}/").prepare()
    with blocked():
        assert session.send(request).status_code == 403
    with aws_allowed(), pytest.raises(ProxyConnectionError):
        session.send(request)
